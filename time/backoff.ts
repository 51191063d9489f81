/** The ceiling of the delay is `baseMs` for attempt 0 and doubles with each attempt up to `maxMs`. */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** Returns the maximum delay in milliseconds after failure number `attempt`, which starts at 0. */
export function backoffCeilingMs(attempt: number, { baseMs, maxMs }: BackoffOptions): number {
  return Math.min(maxMs, baseMs * 2 ** attempt);
}

/**
 * Returns a delay in milliseconds with full jitter: a random time between 0 and the ceiling, which spreads clients that
 * failed together: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 *
 * @param random returns a number from 0 to below 1, like `Math.random`
 */
export function backoffMs(attempt: number, options: BackoffOptions, random: () => number): number {
  return random() * backoffCeilingMs(attempt, options);
}
