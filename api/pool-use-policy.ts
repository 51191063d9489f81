import { GROUP, operatorUsername, POOL_USE_POLICY, VERSION } from './names.ts';

const API_VERSION = 'admissionregistration.k8s.io/v1';

/**
 * A claim takes addresses from a pool only for somebody who has the verb `use` on it. The API server itself judges that,
 * by RBAC, so that it holds also while nothing of ours runs.
 *
 * The right is looked for in the namespace of the claim: a RoleBinding there is then enough, although a pool belongs to no
 * namespace. The pool is immutable, so that only creates are judged; the operator makes mirrors, for what admission let pass.
 */
export function poolUsePolicy(systemNamespace: string): Record<string, unknown> {
  const pool = 'object.spec.pool';
  const namespace = 'request.namespace';
  const message = [
    `'User "' + request.userInfo.username + '" may not use MacPool "' + ${pool} + '" in namespace "' + ${namespace} + '". '`,
    `'Name another pool (kubectl get macpools; kubectl auth can-i use macpools.${GROUP}/NAME -n ' + ${namespace} + '), '`,
    `'or ask for the verb "use" on macpools.${GROUP}/' + ${pool} + '.'`,
  ].join(' + ');
  return {
    apiVersion: API_VERSION,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: POOL_USE_POLICY },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: [GROUP],
            apiVersions: [VERSION],
            operations: ['CREATE'],
            resources: ['macallocations'],
            scope: 'Namespaced',
          },
        ],
      },
      matchConditions: [
        {
          name: 'not-the-operator',
          expression: `request.userInfo.username != '${operatorUsername(systemNamespace)}'`,
        },
      ],
      validations: [
        {
          expression: `authorizer.group('${GROUP}').resource('macpools').namespace(${namespace}).name(${pool}).check('use').allowed()`,
          reason: 'Forbidden',
          messageExpression: message,
        },
      ],
    },
  };
}
