import { ADMISSION_OUTCOMES } from '../../ledger/outcomes.ts';
import type { Needs, ReviewLimits } from '../limits/review-limits.ts';
import type { AdmissionRefusal } from '../review/admission-review.ts';
import { refusalOf } from '../review/refusal.ts';
import type { Namespaces, NamespaceTerms } from '../watch/namespaces.ts';

export type Entry =
  { readonly ok: true; readonly terms: NamespaceTerms } | { readonly ok: false; readonly refusal: AdmissionRefusal };

/** Decides which reviews are handled. */
export interface ReviewGate {
  /** Lets a review in whose namespace exists and is within its limit. */
  enter(namespace: string): Promise<Entry>;
  /** Counts what an object asks for. Returns a refusal if its namespace is over a limit. */
  take(namespace: string, needs: Needs): AdmissionRefusal | undefined;
}

export function createReviewGate(deps: {
  readonly namespaces: Pick<Namespaces, 'find'>;
  readonly limits: ReviewLimits;
}): ReviewGate {
  const { namespaces, limits } = deps;
  const tooMany = (namespace: string) => refusalOf(ADMISSION_OUTCOMES.too_many_requests, { namespace });
  return {
    enter: async (namespace) => {
      const found = await namespaces.find(namespace);
      if (found.found === 'absent') {
        return { ok: false, refusal: refusalOf(ADMISSION_OUTCOMES.namespace_not_found, { namespace }) };
      }
      if (found.found === 'unknown' || !limits.enter(namespace)) return { ok: false, refusal: tooMany(namespace) };
      const { found: _, ...terms } = found;
      return { ok: true, terms };
    },
    take: (namespace, needs) => (limits.take(namespace, needs) ? undefined : tooMany(namespace)),
  };
}
