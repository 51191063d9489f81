import { z } from 'zod';
import { GROUP } from '../../api/names.ts';
import type { JsonPatchOperation } from '../../kube/client/json-patch.ts';
import type { AdmissionRequest, AdmissionUser, AdmissionResponse } from '../server/admission-review.ts';
import { forbidden, malformed } from '../refuse/refusal.ts';

/** Limits of the fields in the CRD: somebody with more groups must be able to make a claim all the same. */
const LONGEST_TEXT = 256;
const MOST_GROUPS = 64;

/** The parts of a MacAllocation's spec that are not its author's to write. */
const stampedSpec = z.looseObject({ requester: z.unknown().optional(), consumerRef: z.unknown().optional() });

/**
 * Writes onto a new claim who asked for it, as the API server knows them, and puts the stamp back where an update took
 * it away. A consumerRef would make it a mirror, which the operator alone makes; the operator is not sent here.
 */
export function stampRequester(request: AdmissionRequest): AdmissionResponse {
  const spec = stampedSpec.safeParse(request.object?.['spec']);
  if (!spec.success) return { allowed: false, refusal: malformed('The review holds no MacAllocation.') };
  const stored = stampedSpec.safeParse(request.oldObject?.['spec']).data;
  if (stored !== undefined)
    return { allowed: true, patch: FIELDS.flatMap((field) => keepAs(stored, spec.data, field)) };
  if (spec.data.consumerRef !== undefined) return { allowed: false, refusal: notYours() };
  return { allowed: true, patch: [{ op: 'add', path: '/spec/requester', value: stampOf(request.userInfo) }] };
}

const FIELDS = ['requester', 'consumerRef'] as const;
type Stamped = z.infer<typeof stampedSpec>;

function keepAs(stored: Stamped, incoming: Stamped, field: (typeof FIELDS)[number]): readonly JsonPatchOperation[] {
  const path = `/spec/${field}`;
  const [before, now] = [stored[field], incoming[field]];
  if (before !== undefined) return [{ op: 'add', path, value: before }];
  return now === undefined ? [] : [{ op: 'remove', path }];
}

function notYours() {
  return forbidden(
    `spec.consumerRef is written by the operator of ${GROUP} alone.\nLeave it out: a claim finds its consumer by itself.`,
  );
}

function stampOf({ username, uid, groups }: AdmissionUser): Record<string, unknown> {
  const kept = (groups ?? []).filter((group) => group.length <= LONGEST_TEXT).slice(0, MOST_GROUPS);
  return {
    username: username.slice(0, LONGEST_TEXT),
    ...(uid !== undefined && uid !== '' && { uid: uid.slice(0, LONGEST_TEXT) }),
    ...(kept.length > 0 && { groups: kept }),
  };
}
