import { Option, type Command } from 'commander';
import { openLedger, type LedgerPool } from '../ledger/connect.ts';
import { requireSchema } from '../ledger/migrate.ts';
import { UserError } from './user-error.ts';

/** `--ledger URL`, or the environment: a ledger is never made silently. */
export function ledgerOption(): Option {
  return new Option('--ledger <url>', 'Postgres URL of the ledger').env('ROCK_MAC_LEDGER_URL');
}

export function ledgerUrl(command: Command): string {
  const { ledger } = command.optsWithGlobals<{ ledger?: string }>();
  if (ledger !== undefined && ledger !== '') return ledger;
  throw new UserError(
    'No ledger is named, so there is nothing to ask.',
    'Give --ledger postgresql://user@host/database, or set ROCK_MAC_LEDGER_URL.',
  );
}

/** Opens the ledger for one command, refuses a schema that this program does not speak, and closes it in any case. */
export async function withLedger<T>(command: Command, use: (ledger: LedgerPool) => Promise<T>): Promise<T> {
  const ledger = openLedger({
    url: ledgerUrl(command),
    applicationName: 'rock-mac',
    max: 1,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
  });
  try {
    await requireSchema(ledger);
    return await use(ledger);
  } finally {
    await ledger.close();
  }
}
