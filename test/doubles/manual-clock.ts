import type { Clock } from '../../time/clock.ts';

/** A clock for tests. Time passes only when the test advances it. */
export interface ManualClock extends Clock {
  /** Advances the time by `ms`. Due callbacks run in order, and the promises that they start settle in between. */
  advance(ms: number): Promise<void>;
  /** The number of waiting callbacks. A test of the cleanup expects 0. */
  readonly waiting: number;
}

interface Timer {
  readonly at: number;
  readonly callback: () => void;
}

export function createManualClock(start = new Date('2030-01-01T00:00:00Z')): ManualClock {
  let now = 0;
  const timers = new Set<Timer>();

  function nextDue(until: number): Timer | undefined {
    let next: Timer | undefined;
    for (const timer of timers) {
      if (timer.at <= until && (next === undefined || timer.at < next.at)) next = timer;
    }
    return next;
  }

  return {
    now: () => now,
    date: () => new Date(start.getTime() + now),
    after: (ms, callback) => {
      const timer = { at: now + Math.max(0, ms), callback };
      timers.add(timer);
      return () => {
        timers.delete(timer);
      };
    },
    advance: async (ms) => {
      const until = now + ms;
      await settle();
      for (let timer = nextDue(until); timer !== undefined; timer = nextDue(until)) {
        timers.delete(timer);
        now = timer.at;
        timer.callback();
        await settle();
      }
      now = until;
    },
    get waiting() {
      return timers.size;
    },
  };
}

/** Waits for one turn of the event loop, after which every promise that needs no I/O has settled. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
