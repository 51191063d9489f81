import { z } from 'zod';
import type { LedgerClient } from './connect.ts';
import type { Queryable } from './statement.ts';

/**
 * Runs several reads on one snapshot of the ledger. Reports and backups may exceed the time limits of the role
 * (migrate.ts), so those are off until the end of the transaction.
 */
export function inSnapshot<R>(
  db: Pick<LedgerClient, 'transaction'>,
  use: (snapshot: Queryable) => Promise<R>,
): Promise<R> {
  return db.transaction(async (snapshot) => {
    const command = (text: string) => snapshot.query({ text, values: [], row: z.object({}) });
    await command('set transaction isolation level repeatable read, read only');
    await command('set local statement_timeout = 0');
    await command('set local idle_in_transaction_session_timeout = 0');
    return use(snapshot);
  });
}
