/** How many addresses a pool gave lately, by the minute. */
export interface Demand {
  /** Records addresses that were asked for. */
  record(addresses: number): void;
  /** Returns how many addresses the stock should have: for the busiest minute of the last ten, and for `coverMs` at the average rate. */
  target(coverMs: number): number;
  /** Returns the average rate of the last hour, in addresses for each millisecond. */
  rate(): number;
}

const MINUTE_MS = 60_000;
/** How many minutes are remembered. */
const MINUTES = 60;
/** A rollout is over within some minutes, and the next one is as big. */
const BUSY_MINUTES = 10;

/** A pool that is used at all has this many: the first pods after a quiet hour come in tens. */
const SMALLEST = 64;

/** More would not be checked within milliseconds, and covers an hour at two pods a second. */
const LARGEST = 8_192;

export function createDemand(now: () => number): Demand {
  const began = now();
  /** The addresses of each minute since `began`, of the last hour. */
  const counts = new Map<number, number>();

  function minute(): number {
    return Math.floor((now() - began) / MINUTE_MS);
  }

  function within(minutes: number): readonly number[] {
    const current = minute();
    return [...counts].filter(([at]) => at > current - minutes).map(([, count]) => count);
  }

  function rate(): number {
    const sum = within(MINUTES).reduce((total, count) => total + count, 0);
    // A process that has just started knows only its first seconds, and must not take them for its average.
    const knownMs = Math.min(Math.max(now() - began, MINUTE_MS), MINUTES * MINUTE_MS);
    return sum / knownMs;
  }

  return {
    record: (addresses) => {
      const current = minute();
      counts.set(current, (counts.get(current) ?? 0) + addresses);
      for (const at of counts.keys()) if (at <= current - MINUTES) counts.delete(at);
    },
    rate,
    target: (coverMs) => {
      if (within(MINUTES).length === 0) return 0;
      const wanted = Math.max(SMALLEST, ...within(BUSY_MINUTES), Math.ceil(rate() * coverMs));
      return Math.min(wanted, LARGEST);
    },
  };
}
