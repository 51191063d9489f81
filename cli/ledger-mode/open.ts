import type { Backend } from '../backend.ts';
import type { GlobalOptions } from '../cli.ts';
import { openLedger, type LedgerPool } from '../../ledger/connect.ts';
import { requireSchema } from '../../ledger/migrate.ts';
import { findLedger } from './find-ledger.ts';
import { createLedgerBackend } from './ledger-backend.ts';

const CONNECT_MS = 5_000;
const STATEMENT_MS = 10_000;

/** Opens the ledger that the options name, and refuses a schema that this program does not speak. */
export async function openNamedLedger(options: GlobalOptions): Promise<LedgerPool> {
  const place = await findLedger(options, process.env);
  const ledger = openLedger({
    ...place,
    applicationName: 'rock-mac',
    max: 1,
    connectTimeoutMs: CONNECT_MS,
    statementTimeoutMs: STATEMENT_MS,
  });
  try {
    await requireSchema(ledger);
    return ledger;
  } catch (error) {
    await ledger.close();
    throw error;
  }
}

export async function openBackend(options: GlobalOptions): Promise<Backend> {
  return createLedgerBackend(await openNamedLedger(options));
}
