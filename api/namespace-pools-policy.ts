import { ANNOTATIONS, GROUP, NAMESPACE_POOLS_POLICY } from './names.ts';
import { isUnchanged, mayUse, poolAnnotationRule, valueOf } from './pool-annotation-rules.ts';

/** The annotations of a Namespace that name a pool, and so give it to the objects of the namespace. */
const ANNOTATIONS_WITH_A_POOL = [ANNOTATIONS.pool, ANNOTATIONS.adopt] as const;

/** In CEL: a Namespace is its own namespace. */
const NAMESPACE = 'object.metadata.name';

/**
 * Returns the policy for what a Namespace says about the addresses of its objects. It holds for users who may write the
 * Namespace, because these annotations act for everybody in it.
 *
 * - Naming a pool needs the verb `use` on that pool.
 * - Setting, changing or removing the limit of addresses needs `use` on every pool, because it counts all of them.
 *
 * Only changes are checked, so other updates of the Namespace still pass after its author has lost the right.
 */
export function namespacePoolsPolicy(): Record<string, unknown> {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: NAMESPACE_POOLS_POLICY },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [
          { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE', 'UPDATE'], resources: ['namespaces'] },
        ],
      },
      validations: [
        ...ANNOTATIONS_WITH_A_POOL.map((annotation) =>
          poolAnnotationRule({ annotation, namespace: NAMESPACE, to: 'the objects of this namespace' }),
        ),
        limitRule(),
        limitFormatRule(),
      ],
    },
  };
}

function limitRule(): Record<string, unknown> {
  const annotation = ANNOTATIONS.maxAddresses;
  return {
    expression: `${isUnchanged(annotation)} || ${mayUse(NAMESPACE)}`,
    reason: 'Forbidden',
    messageExpression: `'User "' + request.userInfo.username + '" may not change annotation ${annotation} of a Namespace. Ask for the verb "use" on all macpools.${GROUP}, as rock-mac-pool-admin has it.'`,
  };
}

function limitFormatRule(): Record<string, unknown> {
  const limit = valueOf('object', ANNOTATIONS.maxAddresses);
  return {
    expression: `${limit} == '' || ${isUnchanged(ANNOTATIONS.maxAddresses)} || ${limit}.matches('^[0-9]{1,9}$')`,
    reason: 'Invalid',
    message: `Annotation ${ANNOTATIONS.maxAddresses} is not a number of addresses. Write it like "100", or remove it for no limit.`,
  };
}
