import type { LedgerClient } from './connect.ts';
import type { Queryable } from './statement.ts';

/** Returns a client of the same ledger that rolls back every transaction, for dry runs. */
export function rollingBack(ledger: LedgerClient): LedgerClient {
  return {
    ...ledger,
    transaction: async <R>(use: (db: Queryable) => Promise<R>) => {
      const rollBack = new Error('rolled back');
      const results: { readonly value: R }[] = [];
      await ledger
        .transaction(async (db) => {
          results.push({ value: await use(db) });
          throw rollBack;
        })
        .catch((error: unknown) => {
          if (error !== rollBack) throw error;
        });
      const [result] = results;
      if (result === undefined) throw new Error('the transaction returned no result');
      return result.value;
    },
  };
}
