import { ANNOTATIONS, WORKLOAD_POOLS_POLICY } from './names.ts';
import { mayUse, poolAnnotationRule, valueOf } from './pool-annotation-rules.ts';
import { isGatedExpression } from './scheduling-gate.ts';

/**
 * Returns the policy for the pool that a stored virtual machine, or a pod that waits for the ledger, names. It holds for whoever writes
 * the annotation: somebody else may start the machine or remove the gate, such as an administrator or KubeVirt, and must neither lend
 * the author a right nor need one. The webhook does not see an update that changes nothing but annotations.
 *
 * The pool of the namespace needs no right, as at admission. A pod may have the rights of its ServiceAccount (check-pool-use.ts).
 */
export function workloadPoolsPolicy(): Record<string, unknown> {
  const pool = valueOf('object', ANNOTATIONS.pool);
  const serviceAccount = `object.?spec.?serviceAccountName.orValue('default')`;
  const ofServiceAccount = mayUse('request.namespace', pool, `serviceAccount(request.namespace, ${serviceAccount})`);
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: WORKLOAD_POOLS_POLICY },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [
          // A create too: one that the webhook is not asked about may belong to a namespace that opts in later.
          {
            apiGroups: ['kubevirt.io'],
            apiVersions: ['*'],
            operations: ['CREATE', 'UPDATE'],
            resources: ['virtualmachines'],
          },
          // A status report of a pod may change annotations.
          { apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['pods', 'pods/status'] },
        ],
      },
      matchConditions: [
        {
          name: 'waits-for-its-addresses',
          expression: `request.resource.resource != 'pods' || ${isGatedExpression('oldObject')}`,
        },
      ],
      validations: [
        poolAnnotationRule({
          annotation: ANNOTATIONS.pool,
          namespace: 'request.namespace',
          to: 'this object',
          orElse: `${pool} == ${valueOf('namespaceObject', ANNOTATIONS.pool)} || (request.resource.resource == 'pods' && ${ofServiceAccount})`,
        }),
      ],
    },
  };
}
