import { backoffMs, type BackoffOptions } from '../../time/backoff.ts';
import { isTransient, KubeConnectionError, KubeError } from './errors.ts';

export interface RetryPolicy {
  /** The maximum number of attempts, including the first. */
  readonly attempts: number;
  readonly backoff: BackoffOptions;
  /** If the server requests a longer delay, there is no retry and the caller gets the error. */
  readonly maxRetryAfterMs: number;
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  attempts: 5,
  backoff: { baseMs: 200, maxMs: 5_000 },
  maxRetryAfterMs: 30_000,
};

/**
 * Returns the delay before the next attempt in milliseconds, or undefined if the request must not be retried.
 *
 * A read is retried after every transient failure. A write is retried only if it was certainly not executed: it was
 * never sent, or the server deferred it (429 or 503 with Retry-After). The caller must check a write with an unknown
 * outcome: a repeated create would fail with AlreadyExists for its own object, or create a second one with generateName.
 *
 * @param failure.attempt 0 for the first attempt
 * @param failure.repeatable whether the request is idempotent
 */
export function retryDelayMs(
  failure: { readonly error: unknown; readonly attempt: number; readonly repeatable: boolean },
  policy: RetryPolicy,
  random: () => number,
): number | undefined {
  const { error, attempt, repeatable } = failure;
  if (attempt + 1 >= policy.attempts || !isTransient(error)) return undefined;
  if (!repeatable && !wasNotExecuted(error)) return undefined;

  const requestedMs = error instanceof KubeError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
  if (requestedMs > policy.maxRetryAfterMs) return undefined;
  return requestedMs + backoffMs(attempt, policy.backoff, random);
}

function wasNotExecuted(error: unknown): boolean {
  if (error instanceof KubeConnectionError) return !error.sent;
  return (
    error instanceof KubeError &&
    error.retryAfterSeconds !== undefined &&
    (error.status === 429 || error.status === 503)
  );
}
