import type { Clock } from '../../kube/time/clock.ts';

/** A clock for tests: time passes only when the test says so. */
export interface ManualClock extends Clock {
  /** Lets `ms` pass: due callbacks run in order, and what they start in promises settles in between. */
  advance(ms: number): Promise<void>;
  /** How many callbacks are waiting; a test of clean-up expects none. */
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

/** One turn of the event loop: every promise that can settle without I/O has done so. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
