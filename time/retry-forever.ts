import type { Logger } from 'pino';
import { backoffMs } from './backoff.ts';
import type { Clock } from './clock.ts';
import { sleep } from './sleep.ts';

/** The backoff while a process waits for something that it cannot work without. */
const BACKOFF = { baseMs: 200, maxMs: 5_000 };

/**
 * Retries until the attempt succeeds; rejects when the signal fires. For the start of a process: the API server or the ledger
 * may start later, and the kubelet restarts an exiting process ever more slowly.
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
