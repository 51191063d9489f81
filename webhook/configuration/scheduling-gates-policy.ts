import type { InjectionMode } from '../../api/injection-mode.ts';
import { ANNOTATIONS, SCHEDULING_GATE, SCHEDULING_GATES_POLICY } from '../../api/names.ts';
import { isGatedExpression, POD_WRITES } from '../../api/scheduling-gate.ts';
import { isSeenByWebhook } from './seen-by-webhook.ts';

/**
 * Returns the policy for pods with our scheduling gate. The webhook removes the gate from every new pod that it does not gate
 * itself. So on a pod that it did not see, an author wrote it, to get an address past the opt-in. And a token stays with the
 * pod that it was written for: with that of a namesake, the audit would name another requester.
 */
export function schedulingGatesPolicy(systemNamespace: string, mode: InjectionMode): Record<string, unknown> {
  const token = (object: string) => `${object}.metadata.?annotations[?'${ANNOTATIONS.gateToken}'].orValue('')`;
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: SCHEDULING_GATES_POLICY },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: [POD_WRITES] },
      matchConditions: [{ name: 'has-our-gate', expression: isGatedExpression('object') }],
      validations: [
        {
          expression: `oldObject != null || (${isSeenByWebhook(systemNamespace, { mode })})`,
          reason: 'Forbidden',
          message: `Only the webhook of rock-mac adds the scheduling gate ${SCHEDULING_GATE}. Leave it out; the annotation ${ANNOTATIONS.inject}: "true" gets the pod an address.`,
        },
        {
          expression: `oldObject == null || ${token('object')} == ${token('oldObject')}`,
          reason: 'Forbidden',
          message: `The annotation ${ANNOTATIONS.gateToken} cannot be changed while the pod waits for its addresses. Leave it as it is.`,
        },
      ],
    },
  };
}
