import { z } from 'zod';
import { SCHEDULING_GATE } from './names.ts';

/*
 * A pod with a scheduling gate is stored and not scheduled. The API server takes gates only in a create, not together with
 * spec.nodeName, and afterwards only lets them be removed.
 * https://kubernetes.io/docs/concepts/scheduling-eviction/pod-scheduling-readiness/
 */

/** The fields of a pod's spec that concern its gates. Others stay, because a patch must not lose them. */
export const gatedSpec = z.looseObject({
  nodeName: z.string().optional(),
  schedulingGates: z
    .array(z.looseObject({ name: z.string() }))
    .nullish()
    .transform((gates) => gates ?? []),
});

/** Returns the position of our gate in the spec of a pod, or -1. */
export function gateIndex(spec: unknown): number {
  const gates = gatedSpec.safeParse(spec).data?.schedulingGates ?? [];
  return gates.findIndex(({ name }) => name === SCHEDULING_GATE);
}

/** The requests that the policies of gated pods look at. */
export const POD_WRITES = {
  apiGroups: [''],
  apiVersions: ['v1'],
  operations: ['CREATE', 'UPDATE'],
  resources: ['pods'],
  scope: 'Namespaced',
} as const;

/** Returns CEL that is true if the pod has our gate. */
export function isGatedExpression(object: 'object' | 'oldObject'): string {
  return `${object}.spec.?schedulingGates.orValue([]).exists(gate, gate.name == '${SCHEDULING_GATE}')`;
}
