import { z } from 'zod';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { readConfigFile, type ConfigFile } from './config-file.ts';

/** Which ledger a command works on. */
export interface LedgerPlace {
  readonly url: string;
  readonly passwordFile?: string | undefined;
}

const optionsSchema = z.object({ ledger: z.string().optional(), config: z.string().optional() });

/** The flag or the environment, else the configuration file. No ledger is ever made silently. */
export async function findLedger(options: GlobalOptions, env: NodeJS.ProcessEnv): Promise<LedgerPlace> {
  const { ledger, config: named } = optionsSchema.parse(options);
  const passwordFile = env['ROCK_MAC_LEDGER_PASSWORD_FILE'];
  if (ledger !== undefined && ledger !== '') return { url: ledger, passwordFile };
  const config: ConfigFile | undefined = await readConfigFile(named);
  if (config?.ledgerUrl !== undefined) {
    return { url: config.ledgerUrl, passwordFile: passwordFile ?? config.passwordFile };
  }
  throw new UserError(
    'No ledger is named, so there is nothing to ask.',
    'Give --ledger postgresql://user@host/database, or set ROCK_MAC_LEDGER_URL.',
  );
}
