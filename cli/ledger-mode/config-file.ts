import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';
import { systemReason } from '../../api/system-reason.ts';
import { type LegacyConfig, readLegacyConfig } from '../../ledger/import/predecessor-config.ts';
import { UserError } from '../errors.ts';
import { userHome } from './user-home.ts';

/** The configuration file, which names the ledger. It may contain the predecessor's `mac_dispenser` section. */
export interface ConfigFile {
  readonly file: string;
  readonly ledgerUrl?: string | undefined;
  readonly passwordFile?: string | undefined;
  readonly legacy?: LegacyConfig | undefined;
}

const fileSchema = z.strictObject({
  ledger: z.strictObject({ url: z.string().min(1), passwordFile: z.string().min(1).optional() }).optional(),
  mac_dispenser: z.unknown().optional(),
});

/** Reads the named file, or the default one, which may be missing. Throws a UserError for an invalid file. */
export async function readConfigFile(named: string | undefined, home = userHome()): Promise<ConfigFile | undefined> {
  const file = named === undefined ? path.join(home, '.rock', 'mac-dispenser.yaml') : expandHome(named, home);
  const text = await readText(file, named !== undefined);
  if (text === undefined) return undefined;
  const { default: yaml } = await import('yaml'); // slow to load, and most users have no such file
  let raw: unknown;
  try {
    raw = yaml.parse(text);
  } catch (error) {
    throw new UserError(
      `${file} is not valid YAML: ${error instanceof Error ? error.message : String(error)}`,
      'Correct the file.',
    );
  }
  const parsed = fileSchema.safeParse(raw ?? {});
  if (!parsed.success) {
    const what = parsed.error.issues.map(({ path: key, message }) => `${key.map(String).join('.')} ${message}`.trim());
    throw new UserError(`${file} is invalid: ${what.join('; ')}.`, 'Correct it, or name another file with --config.');
  }
  const { ledger, mac_dispenser: old } = parsed.data;
  return {
    file,
    ledgerUrl: ledger?.url,
    passwordFile: ledger?.passwordFile === undefined ? undefined : expandHome(ledger.passwordFile, home),
    legacy: old === undefined ? undefined : readLegacyConfig(text),
  };
}

async function readText(file: string, mustExist: boolean): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT';
    if (missing && !mustExist) return undefined;
    throw new UserError(
      `The configuration file ${file} cannot be read (${systemReason(error)}).`,
      'Name another file with --config.',
    );
  }
}

/** Replaces a leading `~` by the home directory. */
export function expandHome(file: string, home = userHome()): string {
  return file === '~' || file.startsWith('~/') ? path.join(home, file.slice(1)) : file;
}
