/** How the wait grows: the ceiling is `baseMs` for attempt 0 and doubles with each attempt up to `maxMs`. */
export interface BackoffOptions {
  readonly baseMs: number;
  readonly maxMs: number;
}

/** The longest wait, in milliseconds, before the attempt after `attempt` failed ones (0 = the first failure). */
export function backoffCeilingMs(attempt: number, { baseMs, maxMs }: BackoffOptions): number {
  return Math.min(maxMs, baseMs * 2 ** attempt);
}

/**
 * The wait in milliseconds, with full jitter: anything between nothing and the ceiling. Clients that failed together
 * then come back spread out: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 *
 * @param random gives a number from 0 to below 1, as `Math.random` does
 */
export function backoffMs(attempt: number, options: BackoffOptions, random: () => number): number {
  return random() * backoffCeilingMs(attempt, options);
}
