import { LedgerError } from '../../ledger/errors.ts';

/**
 * Returns the milliseconds until a deadline. Throws LEDGER_OVERLOADED if it has passed: a request without a waiting caller
 * would only hold an address.
 */
export function timeLeft(deadline: number): number {
  const ms = deadline - Date.now();
  if (ms > 0) return ms;
  throw new LedgerError('LEDGER_OVERLOADED', 'No time was left for a request to the ledger');
}

/** Resolves like `work`, or throws LEDGER_TIMEOUT after `ms`. The work itself continues, because it cannot be stopped safely. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise: timeout, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new LedgerError('LEDGER_TIMEOUT', 'The ledger did not respond in time'));
  }, ms);
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
