import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';

/** Limits the requests that wait at once, so that they do not use up the connections to the ledger. */
const MAX_WAITERS = 16;

/** Less than the API server's and most proxies' limit for one request. */
export const MAX_WAIT_SECONDS = 20;

const INTERVAL_MS = 1_000;

export interface LongPoll {
  /**
   * Repeats a read each second until its result is complete or the seconds are over, and returns the last result. With too
   * many waiters, and while the server stops, it reads once.
   */
  until<T>(read: () => Promise<T>, isComplete: (result: T) => boolean, seconds: number): Promise<T>;
}

export function createLongPoll({ clock, signal }: { readonly clock: Clock; readonly signal: AbortSignal }): LongPoll {
  let waiters = 0;

  async function wait<T>(read: () => Promise<T>, isComplete: (result: T) => boolean, endAt: number): Promise<T> {
    let result = await read();
    while (!isComplete(result) && !signal.aborted && clock.now() < endAt) {
      await sleep(Math.min(INTERVAL_MS, endAt - clock.now()), clock, signal);
      result = await read();
    }
    return result;
  }

  return {
    until: async (read, isComplete, seconds) => {
      if (seconds === 0 || waiters >= MAX_WAITERS) return await read();
      waiters++;
      try {
        return await wait(read, isComplete, clock.now() + seconds * 1_000);
      } finally {
        waiters--;
      }
    },
  };
}
