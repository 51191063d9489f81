import { ANNOTATIONS, GROUP, NAMESPACE_POOLS_POLICY } from './names.ts';

/** The annotations of a Namespace that name a pool, and so give it to the objects of the namespace. */
const ANNOTATIONS_WITH_A_POOL = [ANNOTATIONS.pool, ANNOTATIONS.adopt] as const;

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
      validations: [...ANNOTATIONS_WITH_A_POOL.map(poolRule), limitRule(), limitFormatRule()],
    },
  };
}

function poolRule(annotation: string): Record<string, unknown> {
  const pool = valueOf('object', annotation);
  return {
    expression: `${pool} == '' || ${isUnchanged(annotation)} || ${mayUse(pool)}`,
    reason: 'Forbidden',
    messageExpression: `'User "' + request.userInfo.username + '" may not use MacPool "' + ${pool} + '", which annotation ${annotation} gives to the objects of this namespace. Name another pool, or ask for the verb "use" on macpools.${GROUP}/' + ${pool} + '.'`,
  };
}

function limitRule(): Record<string, unknown> {
  const annotation = ANNOTATIONS.maxAddresses;
  return {
    expression: `${isUnchanged(annotation)} || ${mayUse()}`,
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

/** Returns the check of the verb `use` on one pool, or on all of them. A RoleBinding in the namespace is enough. */
function mayUse(pool?: string): string {
  const named = pool === undefined ? '' : `.name(${pool})`;
  return `authorizer.group('${GROUP}').resource('macpools').namespace(object.metadata.name)${named}.check('use').allowed()`;
}

function isUnchanged(annotation: string): string {
  return `${valueOf('object', annotation)} == (oldObject == null ? '' : ${valueOf('oldObject', annotation)})`;
}

function valueOf(object: string, annotation: string): string {
  return `${object}.metadata.?annotations[?'${annotation}'].orValue('')`;
}
