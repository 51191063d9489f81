/**
 * Time as this room sees it, so that a test can turn it by hand.
 * Durations are measured on the monotonic `now`, never on the wall clock, which may jump.
 */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number;
  /** The date on the wall, for time stamps that others read. */
  date(): Date;
  /** Calls back once after `ms` milliseconds, unless the returned function is called before. */
  after(ms: number, callback: () => void): CancelTimer;
}

export type CancelTimer = () => void;

/** setTimeout turns any longer delay into 1 ms: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const longestDelayMs = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(ms, longestDelayMs));
    return () => {
      clearTimeout(timer);
    };
  },
};
