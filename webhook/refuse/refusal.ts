import type { Refusal } from '../server/admission-review.ts';

/**
 * The four ways to say no. Never AlreadyExists or Timeout as a reason, and never a Retry-After: clients act on those by
 * themselves, and what they would do (skip the object, or repeat inside the time-out) is wrong here.
 */
export function malformed(message: string): Refusal {
  return { code: 422, reason: 'Invalid', message };
}

export function forbidden(message: string): Refusal {
  return { code: 403, reason: 'Forbidden', message };
}

export function taken(message: string): Refusal {
  return { code: 409, reason: 'Conflict', message };
}

export function unavailable(message: string): Refusal {
  return { code: 503, reason: 'ServiceUnavailable', message };
}
