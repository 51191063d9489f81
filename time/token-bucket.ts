/** Holds tokens up to a capacity, and gains some every second. A request that finds too few of them is over the limit. */
export interface TokenBucket {
  /** Takes the tokens, and returns whether there were enough. Takes none if there were not. */
  take(count: number): boolean;
}

export interface TokenBucketOptions {
  /** The number of tokens at the start, and the maximum. */
  readonly capacity: number;
  readonly perSecond: number;
}

/** Creates a full bucket. `now` returns milliseconds of a clock that never goes back. */
export function createTokenBucket({ capacity, perSecond }: TokenBucketOptions, now: () => number): TokenBucket {
  let tokens = capacity;
  let filledAt = now();

  function refill(): void {
    const at = now();
    tokens = Math.min(capacity, tokens + ((at - filledAt) / 1_000) * perSecond);
    filledAt = at;
  }

  return {
    take: (count) => {
      refill();
      if (count > tokens) return false;
      tokens -= count;
      return true;
    },
  };
}
