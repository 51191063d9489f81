/**
 * The source of time, which tests replace.
 * Durations are measured with the monotonic `now`, never with the wall clock, which may jump.
 */
export interface Clock {
  /** Returns milliseconds since a fixed moment; never decreases. */
  now(): number;
  /** Returns the wall-clock time, for timestamps that others read. */
  date(): Date;
  /** Calls `callback` once after `ms` milliseconds, unless the returned function is called first. */
  after(ms: number, callback: () => void): CancelTimer;
}

export type CancelTimer = () => void;

/** setTimeout turns a longer delay into 1 ms: https://nodejs.org/api/timers.html#settimeoutcallback-delay-args */
const MAX_DELAY_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  date: () => new Date(),
  after: (ms, callback) => {
    const timer = setTimeout(callback, Math.min(ms, MAX_DELAY_MS));
    return () => {
      clearTimeout(timer);
    };
  },
};
