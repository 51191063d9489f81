import { LedgerError } from '../../ledger/errors.ts';

/**
 * The milliseconds until then. Throws where there are none: to ask for somebody who cannot wait for the answer would only
 * hold an address.
 */
export function timeLeft(until: number): number {
  const ms = until - Date.now();
  if (ms > 0) return ms;
  throw new LedgerError('LEDGER_OVERLOADED', 'No time was left to ask the ledger');
}

/** The answer of the ledger, or an error when it takes longer. The question itself goes on: nothing ends it safely. */
export async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new LedgerError('LEDGER_TIMEOUT', 'The ledger did not answer in time'));
  }, ms);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
