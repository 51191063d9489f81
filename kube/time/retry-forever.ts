import type { Logger } from 'pino';
import { backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import { sleep } from './sleep.ts';

/** Between the tries of something without which a process is of no use. */
const BACKOFF = { baseMs: 200, maxMs: 5_000 };

/**
 * Tries until it succeeds. For the start of a process: its API server or its ledger may come up after it, and a process
 * that exits instead is only restarted ever more slowly. Rejects when the signal fires.
 */
export async function retryForever<T>(
  what: string,
  attempt: () => Promise<T>,
  { logger, clock, signal }: { readonly logger: Logger; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<T> {
  for (let failures = 0; ; failures++) {
    signal.throwIfAborted();
    try {
      return await attempt();
    } catch (error) {
      logger.warn({ err: error, what }, 'not possible yet, trying again');
      await sleep(backoffMs(failures, BACKOFF, Math.random), clock, signal);
    }
  }
}
