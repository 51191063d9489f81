import type { LedgerClient } from '../../ledger/connection/connect.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';

/** The same ledger, whose transactions do everything and keep nothing: for dry runs. */
export function rolledBack(ledger: LedgerClient): LedgerClient {
  return {
    ...ledger,
    transaction: async <R>(use: (db: Queryable) => Promise<R>) => {
      const undo = new Error('taken back');
      const results: { readonly value: R }[] = [];
      await ledger
        .transaction(async (db) => {
          results.push({ value: await use(db) });
          throw undo;
        })
        .catch((error: unknown) => {
          if (error !== undo) throw error;
        });
      const [result] = results;
      if (result === undefined) throw new Error('the transaction gave no result');
      return result.value;
    },
  };
}
