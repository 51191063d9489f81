import { setTimeout as sleep } from 'node:timers/promises';

/** Milliseconds. */
export interface Patience {
  readonly within?: number;
  readonly every?: number;
}

/**
 * Tries `attempt` until it does not throw, and resolves with what it returned. When `within` has passed, the last
 * error is thrown as it was, so that a test's failure names its expectation.
 */
export async function eventually<T>(attempt: () => T | Promise<T>, patience: Patience = {}): Promise<T> {
  const { within = 10_000, every = 100 } = patience;
  const deadline = Date.now() + within;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() + every > deadline) throw error;
      await sleep(every);
    }
  }
}
