import { ANNOTATIONS } from '../../api/names.ts';
import type { Annotations } from '../../kube/client/json-patch.ts';
import type { AdmissionRefusal } from '../review/admission-review.ts';
import { malformed } from '../review/refusal.ts';
import type { Planned } from './plan.ts';

/** In characters. The API server gets the selector in the path of a request. */
const MAX_LENGTH = 1_024;

/**
 * Adds to a plan the label selector of the claims whose addresses the object gets. It holds for all interfaces. An update without a new
 * interface is not refused for a text that was stored before. The API server checks the syntax when the claims are listed.
 */
export function withClaimSelector(
  planned: Planned,
  annotations: Annotations | undefined,
  { isNew }: { readonly isNew: boolean },
): Planned {
  const selector = textOf(annotations, ANNOTATIONS.allocationSelector);
  if (!planned.ok || selector === '') return planned;
  const { plan } = planned;
  if (plan.addressRequests.length > 0) {
    return refuseCombination(selector, annotations) ?? { ok: true, plan: { ...plan, selector } };
  }
  return isNew ? refuse('selects a claim, but this object has no interface for it', 'Remove it') : planned;
}

function refuseCombination(selector: string, annotations: Annotations | undefined): Planned | undefined {
  if (selector.length > MAX_LENGTH) {
    return refuse(`is longer than ${String(MAX_LENGTH)} characters`, 'Write a shorter selector');
  }
  if (textOf(annotations, ANNOTATIONS.allocation) === '') return undefined;
  return refuse(`cannot be combined with ${ANNOTATIONS.allocation}`, 'Remove one of the two');
}

function textOf(annotations: Annotations | undefined, key: string): string {
  return annotations?.[key]?.trim() ?? '';
}

/** Refuses a selector that the API server could not parse. */
export function refuseSelector(selector: string, problem: string): AdmissionRefusal {
  const cause = `Annotation ${ANNOTATIONS.allocationSelector} is not a label selector: ${problem}.`;
  return malformed(`${cause}\nCorrect ${JSON.stringify(selector)}, for example to app=licensed.`);
}

function refuse(problem: string, next: string): Planned {
  return { ok: false, refusal: malformed(`Annotation ${ANNOTATIONS.allocationSelector} ${problem}.\n${next}.`) };
}
