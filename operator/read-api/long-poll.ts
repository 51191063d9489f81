import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';

/** Limits the requests that wait at once, so that they do not use up the connections to the ledger. */
const MAX_WAITERS = 16;

/** Less than the API server's and most proxies' limit for one request. */
export const MAX_WAIT_SECONDS = 20;

const INTERVAL_MS = 1_000;

export interface LongPoll {
  /**
   * Repeats a read each second until its result is complete, the seconds are over or the signal fires, and returns the last
   * result. With too many waiters, and while the server stops, it reads once.
   */
  until<T>(read: () => Promise<T>, isComplete: (result: T) => boolean, limits: WaitLimits): Promise<T>;
}

export interface WaitLimits {
  readonly seconds: number;
  /** Fires when nobody waits for the result any more. */
  readonly signal: AbortSignal;
}

interface LongPollOptions {
  readonly clock: Clock;
  /** Fires when the server stops. */
  readonly signal: AbortSignal;
}

export function createLongPoll({ clock, signal: stopping }: LongPollOptions): LongPoll {
  let waiters = 0;

  async function wait<T>(
    read: () => Promise<T>,
    isComplete: (result: T) => boolean,
    { endAt, signal }: { readonly endAt: number; readonly signal: AbortSignal },
  ): Promise<T> {
    for (;;) {
      const result = await read();
      if (isComplete(result) || clock.now() >= endAt) return result;
      await sleep(Math.min(INTERVAL_MS, endAt - clock.now()), clock, signal);
      if (signal.aborted) return result;
    }
  }

  return {
    until: async (read, isComplete, { seconds, signal }) => {
      if (seconds === 0 || waiters >= MAX_WAITERS) return await read();
      waiters++;
      try {
        const endAt = clock.now() + seconds * 1_000;
        return await wait(read, isComplete, { endAt, signal: AbortSignal.any([stopping, signal]) });
      } finally {
        waiters--;
      }
    },
  };
}
