import type { AdmissionStatus } from '../../ledger/error-codes.ts';
import { type AdmissionEntry, describeRefusal, type OutcomeFacts } from '../../ledger/outcomes.ts';
import type { AdmissionRefusal } from './admission-review.ts';

/**
 * AlreadyExists, Timeout and Retry-After are left out on purpose. Clients react to them by themselves: they skip the
 * object, or repeat the request within its timeout. Both are wrong here.
 */
const REASONS: Readonly<Record<AdmissionStatus, AdmissionRefusal['reason']>> = {
  403: 'Forbidden',
  409: 'Conflict',
  422: 'Invalid',
  503: 'ServiceUnavailable',
};

/** Returns the refusal for an entry of the catalogue. */
export function refusalOf(entry: AdmissionEntry, facts: OutcomeFacts): AdmissionRefusal {
  const { cause, next } = describeRefusal(entry, entry.admission, facts);
  return admissionRefusal(entry.admission.status, `${cause}.\n${next}.`);
}

/** Refuses an object that its author has to correct. */
export function malformed(message: string): AdmissionRefusal {
  return admissionRefusal(422, message);
}

/** Refuses what the requester has no right to. */
export function forbidden(message: string): AdmissionRefusal {
  return admissionRefusal(403, message);
}

/** Refuses a request that may succeed later. */
export function unavailable(message: string): AdmissionRefusal {
  return admissionRefusal(503, message);
}

function admissionRefusal(code: AdmissionStatus, message: string): AdmissionRefusal {
  return { code, reason: REASONS[code], message };
}
