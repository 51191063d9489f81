import { setTimeout as sleep } from 'node:timers/promises';

/** The timeout and the interval, in milliseconds. */
export interface Patience {
  readonly within?: number;
  readonly every?: number;
}

/**
 * Repeats `attempt` until it does not throw, and resolves with its result. After `within` it throws the last error
 * unchanged, so that the failure of a test shows its expectation.
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
