import { backoffMs, type BackoffOptions } from '../time/backoff.ts';
import { isTransient, KubeConnectionError, KubeError } from './errors.ts';

export interface RetryPolicy {
  /** How often a request is sent at most, the first time included. */
  readonly attempts: number;
  readonly backoff: BackoffOptions;
  /** A server that asks for a longer wait than this gets none: the caller hears of it and decides. */
  readonly maxRetryAfterMs: number;
}

export const DEFAULT_RETRY_POLICY: RetryPolicy = {
  attempts: 5,
  backoff: { baseMs: 200, maxMs: 5_000 },
  maxRetryAfterMs: 30_000,
};

/**
 * How long to wait before the same request is sent again, in milliseconds; `undefined` when it must not be.
 *
 * What may be repeated is decided by what the server can have done. A request that only reads is repeated after
 * everything that passes. A write is repeated only when it was certainly not carried out: it was never sent, or the
 * server put it off (429 or 503 with Retry-After). A write whose outcome is unknown is the caller's to look into:
 * a repeated create would answer AlreadyExists for our own object, or make a second one under generateName.
 *
 * @param failure.attempt 0 for the first time that it was sent
 * @param failure.repeatable doing it twice is the same as doing it once
 */
export function retryDelayMs(
  failure: { readonly error: unknown; readonly attempt: number; readonly repeatable: boolean },
  policy: RetryPolicy,
  random: () => number,
): number | undefined {
  const { error, attempt, repeatable } = failure;
  if (attempt + 1 >= policy.attempts || !isTransient(error)) return undefined;
  if (!repeatable && !wasNotCarriedOut(error)) return undefined;

  const askedMs = error instanceof KubeError ? (error.retryAfterSeconds ?? 0) * 1000 : 0;
  if (askedMs > policy.maxRetryAfterMs) return undefined;
  return askedMs + backoffMs(attempt, policy.backoff, random);
}

function wasNotCarriedOut(error: unknown): boolean {
  if (error instanceof KubeConnectionError) return !error.sent;
  return (
    error instanceof KubeError &&
    error.retryAfterSeconds !== undefined &&
    (error.status === 429 || error.status === 503)
  );
}
