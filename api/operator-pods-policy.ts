import { allOf, sameExcept, SERVER_FIELDS } from './compare-objects.ts';
import { DEFAULT_NETWORK_ANNOTATION, NETWORKS_ANNOTATION } from './multus-networks.ts';
import { ANNOTATIONS, OPERATOR_PODS_POLICY, operatorUsername, SCHEDULING_GATE } from './names.ts';
import { PRIMARY_MAC_ANNOTATIONS } from './pod-nics.ts';
import { isGatedExpression, POD_WRITES } from './scheduling-gate.ts';

/** The annotations that change when a gated pod gets its addresses. */
const WRITTEN_ANNOTATIONS = [
  NETWORKS_ANNOTATION,
  DEFAULT_NETWORK_ANNOTATION,
  ...Object.values(PRIMARY_MAC_ANNOTATIONS),
  ANNOTATIONS.addresses,
  ANNOTATIONS.lease,
  ANNOTATIONS.gateToken,
  ANNOTATIONS.gateReason,
];

/**
 * Returns the policy that limits what the operator may change of a pod. RBAC only knows `patch pods`, which would let it
 * change the image of every pod of the cluster. It may remove our gate, and write the annotations with addresses: the webhook
 * writes those into the same update, so the policy sees them as the operator's.
 */
export function operatorPodsPolicy(systemNamespace: string): Record<string, unknown> {
  const otherGates = (object: string) =>
    `${object}.spec.?schedulingGates.orValue([]).filter(gate, gate.name != '${SCHEDULING_GATE}')`;
  const annotations = (object: string) => `${object}.metadata.?annotations.orValue({})`;
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: OPERATOR_PODS_POLICY },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: [POD_WRITES] },
      matchConditions: [
        {
          name: 'the-operator',
          expression: `request.userInfo.username == '${operatorUsername(systemNamespace)}'`,
        },
      ],
      validations: [
        {
          expression: allOf(
            'oldObject != null',
            isGatedExpression('oldObject'),
            sameExcept('object', 'oldObject', ['metadata', 'spec', 'status']),
            sameExcept('object.metadata', 'oldObject.metadata', [...SERVER_FIELDS, 'annotations']),
            sameExcept(annotations('object'), annotations('oldObject'), WRITTEN_ANNOTATIONS),
            sameExcept('object.spec', 'oldObject.spec', ['schedulingGates']),
            `${otherGates('object')} == ${otherGates('oldObject')}`,
          ),
          reason: 'Forbidden',
          message: `The operator of rock-mac may change only pods that wait with the scheduling gate ${SCHEDULING_GATE}, and of those only the gate and the annotations with addresses.`,
        },
      ],
    },
  };
}
