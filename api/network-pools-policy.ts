import { ANNOTATIONS, NETWORK_POOLS_POLICY } from './names.ts';
import { poolAnnotationRule } from './pool-annotation-rules.ts';

/**
 * Returns the policy for the pool that a NetworkAttachmentDefinition names. It holds for users who may write the definition, because
 * every object of the namespace that attaches to the network gets addresses of the pool.
 */
export function networkPoolsPolicy(): Record<string, unknown> {
  const rule = {
    apiGroups: ['k8s.cni.cncf.io'],
    apiVersions: ['*'],
    operations: ['CREATE', 'UPDATE'],
    resources: ['network-attachment-definitions'],
  };
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: NETWORK_POOLS_POLICY },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: [rule] },
      validations: [
        poolAnnotationRule({
          annotation: ANNOTATIONS.pool,
          namespace: 'request.namespace',
          to: 'the objects on this network',
        }),
      ],
    },
  };
}
