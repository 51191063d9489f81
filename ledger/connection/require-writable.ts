import { z } from 'zod';
import { LedgerError } from '../errors.ts';
import type { Queryable } from './statement.ts';

/** Throws a LedgerError unless the ledger answers and takes writes. Changes nothing. */
export async function requireWritable(db: Queryable): Promise<void> {
  const [row] = await db.query({
    text: `select not pg_is_in_recovery() and current_setting('transaction_read_only') = 'off' as is_writable`,
    values: [],
    row: z.object({ is_writable: z.boolean() }),
  });
  if (row?.is_writable !== true) throw new LedgerError('LEDGER_READ_ONLY', 'The server takes no writes');
}
