import { ADMISSION_OUTCOMES, ALLOCATION_OUTCOMES, type ConsumerRefusal } from '../../ledger/outcomes.ts';
import type { Refusal } from '../server/admission-review.ts';
import { refusalOf } from './refusal.ts';

/** Returns the refusal of an object that cannot use a claim, in most cases because another object uses it. */
export function refuseClaim(refused: ConsumerRefusal, claim: string): Refusal {
  if (refused.outcome === 'not_open') return refusalOf(ALLOCATION_OUTCOMES.not_open, { notOpen: refused.why });
  const problem = refused.outcome === 'invalid' ? refused.why : undefined;
  return refusalOf(ADMISSION_OUTCOMES[`claim_${refused.outcome}`], { claim, problem });
}
