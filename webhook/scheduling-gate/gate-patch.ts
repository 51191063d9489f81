import { ANNOTATIONS, SCHEDULING_GATE } from '../../api/names.ts';
import { gatedSpec } from '../../api/scheduling-gate.ts';
import { type JsonPatchOperation, setAnnotations } from '../../kube/client/json-patch.ts';
import type { AdmissionRequest } from '../review/admission-review.ts';

type AdmittedPod = NonNullable<AdmissionRequest['object']>;

/** What people read on a gated pod while the ledger is away. */
export const LEDGER_IS_AWAY =
  'The ledger cannot be reached. As soon as it is back, this pod gets its addresses and is scheduled. Nobody needs to do anything with the pod.';

/** Returns whether a new pod can have a gate. One that names its node would start without the scheduler. */
export function canBeGated(pod: AdmittedPod): boolean {
  const spec = gatedSpec.safeParse(pod['spec']).data;
  return spec !== undefined && (spec.nodeName ?? '') === '';
}

/** Returns the patch that lets a new pod wait. Its networks stay as its author wrote them. */
export function gatePatch(pod: AdmittedPod, token: string): readonly JsonPatchOperation[] {
  return [
    ...setAnnotations(pod.metadata?.annotations, {
      [ANNOTATIONS.gateToken]: token,
      [ANNOTATIONS.gateReason]: LEDGER_IS_AWAY,
    }),
    { op: 'add', path: '/spec/schedulingGates', value: [...otherGates(pod), { name: SCHEDULING_GATE }] },
  ];
}

/**
 * Returns the patch that removes our gate from a pod, and what belongs to it. A new pod may bring it along: from the pod that it
 * was copied from, from an earlier admission, or because its author wrote it.
 */
export function ungatePatch(pod: AdmittedPod): readonly JsonPatchOperation[] {
  const { annotations } = pod.metadata ?? {};
  const removed =
    annotations === undefined
      ? []
      : setAnnotations(annotations, { [ANNOTATIONS.gateToken]: undefined, [ANNOTATIONS.gateReason]: undefined });
  const others = otherGates(pod);
  if (others.length === gatesOf(pod).length) return removed;
  return [...removed, { op: 'replace', path: '/spec/schedulingGates', value: others }];
}

function gatesOf(pod: AdmittedPod) {
  return gatedSpec.safeParse(pod['spec']).data?.schedulingGates ?? [];
}

function otherGates(pod: AdmittedPod) {
  return gatesOf(pod).filter(({ name }) => name !== SCHEDULING_GATE);
}
