import { z } from 'zod';
import { withUrlOfFile } from '../../api/environment.ts';
import { redactUrls } from '../../ledger/errors.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { type ConfigFile, readConfigFile } from './config-file.ts';
import { type EmbeddedFolder, embeddedUrl, findEmbedded, type Marker } from './embedded/folder.ts';
import { findPredecessorFile } from './predecessor-file.ts';

/** The ledger that a command uses. */
export interface LedgerLocation {
  readonly url: string;
  readonly passwordFile?: string | undefined;
  /** Where the ledger was configured, for messages. */
  readonly source: string;
  /** Set for the ledger that `rock-mac init` created on this machine. */
  readonly embedded?: { readonly folder: EmbeddedFolder; readonly marker: Marker } | undefined;
}

export interface ConfiguredLedger {
  /** Absent if no flag, environment variable or file names a ledger. Then the embedded one is used. */
  readonly location?: LedgerLocation | undefined;
  readonly config?: ConfigFile | undefined;
}

const optionsSchema = z.object({ ledger: z.string().optional(), config: z.string().optional() });

/** Returns the ledger that the flag or the environment names, else the one of the configuration file. */
export async function configuredLedger(options: GlobalOptions, env: NodeJS.ProcessEnv): Promise<ConfiguredLedger> {
  const { ledger = withUrlOfFile(env)['ROCK_MAC_LEDGER_URL'], config: file } = optionsSchema.parse(options);
  const passwordFile = env['ROCK_MAC_LEDGER_PASSWORD_FILE'];
  const config = await readConfigFile(file);
  if (ledger !== undefined && ledger !== '') {
    return { location: { url: ledger, passwordFile, source: '--ledger or ROCK_MAC_LEDGER_URL' }, config };
  }
  if (config?.ledgerUrl === undefined) return { config };
  const { ledgerUrl: url, file: source } = config;
  return { location: { url, passwordFile: passwordFile ?? config.passwordFile, source }, config };
}

/** Returns the configured ledger, else the embedded one. Never creates one. Throws a UserError if there is none. */
export async function findLedger(options: GlobalOptions, env: NodeJS.ProcessEnv): Promise<LedgerLocation> {
  const { location, config } = await configuredLedger(options, env);
  if (location !== undefined) return location;
  const embedded = await findEmbedded();
  if (embedded !== undefined) return { url: embeddedUrl(embedded.folder), source: '`rock-mac init`', embedded };
  const file = await findPredecessorFile(config);
  const takeOver =
    file === undefined
      ? ''
      : ` The file of the predecessor is still here (${file}): \`rock-mac init --import\` takes its addresses over.`;
  throw new UserError(
    'No ledger is configured, and there is none on this machine.',
    'Run `rock-mac init` to create one here, or name one with --ledger postgresql://USER@HOST/DATABASE ' +
      `(or ROCK_MAC_LEDGER_URL, or the configuration file).${takeOver}`,
  );
}

/** Returns where a ledger is, for messages, without its password. */
export function describeLocation({ url, embedded }: LedgerLocation): string {
  return embedded === undefined ? redactUrls(url) : embedded.folder.root;
}
