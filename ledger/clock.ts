/** Time inside this process: for deadlines and pauses only. What the ledger decides, it decides by its own clock. */
export interface Clock {
  /** Milliseconds; only differences mean something. */
  now(): number;
  /** Calls `then` once after so many milliseconds, unless the returned function is called before. */
  after(ms: number, then: () => void): () => void;
}

/** The real one. Monotonic: a stepped wall clock neither ends a deadline nor stretches it. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after: (ms, then) => {
    const timer = setTimeout(then, ms);
    return () => {
      clearTimeout(timer);
    };
  },
};
