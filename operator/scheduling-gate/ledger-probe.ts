import { requireWritable } from '../../ledger/connection/require-writable.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { isLedgerError } from '../../ledger/errors.ts';

/** How long a result counts for all pods that wait: the ledger gets one statement a second, however many they are. */
const RESULT_MS = 1_000;

/** Returns a function that returns whether the ledger takes writes. Calls at the same time share one statement. */
export function createLedgerProbe(
  ledger: Queryable,
  now: () => number = () => performance.now(),
): () => Promise<boolean> {
  let last: Promise<boolean> | undefined;
  let doneAt = 0;

  async function probe(): Promise<boolean> {
    try {
      await requireWritable(ledger);
      return true;
    } catch (error) {
      if (isLedgerError(error)) return false;
      throw error;
    } finally {
      doneAt = now();
    }
  }

  return async () => {
    if (last === undefined || now() - doneAt >= RESULT_MS) {
      // Until it is done, every call gets its result.
      doneAt = Number.POSITIVE_INFINITY;
      last = probe();
    }
    return await last;
  };
}
