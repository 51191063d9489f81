import { z } from 'zod';
import { redactUrls } from '../../ledger/connection/redact.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { readConfigFile, type ConfigFile } from './config-file.ts';
import { embeddedUrl, findEmbedded, type EmbeddedFolder, type Marker } from './embedded/folder.ts';

/** Which ledger a command works on. */
export interface LedgerPlace {
  readonly url: string;
  readonly passwordFile?: string | undefined;
  /** Who named it, for people. */
  readonly source: string;
  /** It is the one that `rock-mac init` made. */
  readonly embedded?: { readonly folder: EmbeddedFolder; readonly marker: Marker } | undefined;
}

export interface NamedLedger {
  /** Named by flag, environment or configuration; absent: none is, so the embedded one is meant. */
  readonly place?: LedgerPlace | undefined;
  readonly config?: ConfigFile | undefined;
}

const optionsSchema = z.object({ ledger: z.string().optional(), config: z.string().optional() });

/** What names a ledger: the flag or the environment, else the configuration file. */
export async function namedLedger(options: GlobalOptions, env: NodeJS.ProcessEnv): Promise<NamedLedger> {
  const { ledger, config: file } = optionsSchema.parse(options);
  const passwordFile = env['ROCK_MAC_LEDGER_PASSWORD_FILE'];
  const config = await readConfigFile(file);
  if (ledger !== undefined && ledger !== '') {
    return { place: { url: ledger, passwordFile, source: '--ledger or ROCK_MAC_LEDGER_URL' }, config };
  }
  if (config?.ledgerUrl === undefined) return { config };
  const { ledgerUrl: url, file: source } = config;
  return { place: { url, passwordFile: passwordFile ?? config.passwordFile, source }, config };
}

/** The ledger that is named, else the embedded one. None is ever made silently. */
export async function findLedger(options: GlobalOptions, env: NodeJS.ProcessEnv): Promise<LedgerPlace> {
  const { place } = await namedLedger(options, env);
  if (place !== undefined) return place;
  const embedded = await findEmbedded();
  if (embedded !== undefined) return { url: embeddedUrl(embedded.folder), source: '`rock-mac init`', embedded };
  throw new UserError(
    'No ledger is named, and there is none on this machine.',
    'Run `rock-mac init` to make one here, or name one with --ledger postgresql://USER@HOST/DATABASE ' +
      '(or ROCK_MAC_LEDGER_URL, or the configuration file).',
  );
}

/** Where a ledger is, for people; never with a password. */
export function describePlace({ url, embedded }: LedgerPlace): string {
  return embedded === undefined ? redactUrls(url) : embedded.folder.root;
}
