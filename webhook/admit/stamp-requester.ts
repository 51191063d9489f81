import { z } from 'zod';
import { GROUP } from '../../api/names.ts';
import type { JsonPatchOperation } from '../../kube/client/json-patch.ts';
import type {
  AdmissionRefusal,
  AdmissionRequest,
  AdmissionResponse,
  AdmissionUser,
} from '../review/admission-review.ts';
import { forbidden, malformed } from '../review/refusal.ts';

/** Limits of the fields in the CRD. A user with more groups, or longer ones, can still create a claim. */
const MAX_TEXT_LENGTH = 256;
const MAX_GROUPS = 64;

/** The fields of a MacAllocation's spec that its author cannot write. */
const stampedSpec = z.looseObject({
  requester: z.unknown().optional(),
  consumerRef: z.unknown().optional(),
  stickyFor: z.unknown().optional(),
});

/**
 * Stamps a new claim with its requester, as the API server authenticated them, and restores the stamped fields that an update
 * changed. Refuses a consumerRef and a stickyFor: they would make a mirror or a sticky claim, which only the operator creates.
 * Requests of the operator are not sent here.
 */
export function stampRequester(request: AdmissionRequest): AdmissionResponse {
  const spec = stampedSpec.safeParse(request.object?.['spec']);
  if (!spec.success) return { allowed: false, refusal: malformed('The review holds no MacAllocation.') };
  const stored = stampedSpec.safeParse(request.oldObject?.['spec']).data;
  if (stored !== undefined)
    return { allowed: true, patch: STAMPED_FIELDS.flatMap((field) => restoreField(stored, spec.data, field)) };
  const forbiddenField = OPERATOR_FIELDS.find((field) => spec.data[field] !== undefined);
  if (forbiddenField !== undefined) return { allowed: false, refusal: operatorFieldRefusal(forbiddenField) };
  return { allowed: true, patch: [{ op: 'add', path: '/spec/requester', value: stampOf(request.userInfo) }] };
}

/** The fields that only the operator writes. */
const OPERATOR_FIELDS = ['consumerRef', 'stickyFor'] as const;

/** The fields whose author is not who sends the object. */
export const STAMPED_FIELDS = ['requester', ...OPERATOR_FIELDS] as const;

/** What somebody should do who writes a field of the operator. */
const NEXT_STEPS = {
  consumerRef: 'the operator finds the consumer of a claim by itself',
  stickyFor: 'annotate the pod or virtual machine whose addresses should belong to its name',
} as const satisfies Record<(typeof OPERATOR_FIELDS)[number], string>;

type Stamped = z.infer<typeof stampedSpec>;

function restoreField(
  stored: Stamped,
  incoming: Stamped,
  field: (typeof STAMPED_FIELDS)[number],
): readonly JsonPatchOperation[] {
  const path = `/spec/${field}`;
  const [before, now] = [stored[field], incoming[field]];
  if (before !== undefined) return [{ op: 'add', path, value: before }];
  return now === undefined ? [] : [{ op: 'remove', path }];
}

function operatorFieldRefusal(field: (typeof OPERATOR_FIELDS)[number]): AdmissionRefusal {
  return forbidden(`Only the operator of ${GROUP} may write spec.${field}.\nLeave it out: ${NEXT_STEPS[field]}.`);
}

function stampOf({ username, uid, groups }: AdmissionUser): Record<string, unknown> {
  const kept = (groups ?? []).filter((group) => group.length <= MAX_TEXT_LENGTH).slice(0, MAX_GROUPS);
  return {
    username: username.slice(0, MAX_TEXT_LENGTH),
    ...(uid !== undefined && uid !== '' && { uid: uid.slice(0, MAX_TEXT_LENGTH) }),
    ...(kept.length > 0 && { groups: kept }),
  };
}
