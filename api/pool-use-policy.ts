import { allocationWrites, notTheOperator } from './allocation-writes.ts';
import { GROUP, POOL_USE_POLICY } from './names.ts';

const API_VERSION = 'admissionregistration.k8s.io/v1';

/**
 * Returns the policy that requires the verb `use` on the pool of a new claim. The API server evaluates it by RBAC, so it also
 * holds while rock-mac is down.
 *
 * The access is checked in the namespace of the claim, so a RoleBinding there is enough although pools are cluster-scoped.
 * The pool is immutable, so only creates are checked. The operator is exempt: it creates mirrors of admitted objects.
 *
 * A reserved claim also needs the verb `reserve`: its address stays held when the claim is gone, so reservations could use up
 * a pool for good.
 */
export function poolUsePolicy(systemNamespace: string): Record<string, unknown> {
  const pool = 'object.spec.pool';
  const namespace = 'request.namespace';
  const message = [
    `'User "' + request.userInfo.username + '" may not use MacPool "' + ${pool} + '" in namespace "' + ${namespace} + '". '`,
    `'Name another pool (kubectl get macpools; kubectl auth can-i use macpools.${GROUP}/NAME -n ' + ${namespace} + '), '`,
    `'or ask for the verb "use" on macpools.${GROUP}/' + ${pool} + '.'`,
  ].join(' + ');
  const reserveMessage = `'User "' + request.userInfo.username + '" may not reserve addresses of MacPool "' + ${pool} + '" in namespace "' + ${namespace} + '". Leave spec.reserved out, or ask for the verb "reserve" on macpools.${GROUP}/' + ${pool} + '.'`;
  return {
    apiVersion: API_VERSION,
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: POOL_USE_POLICY },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: [allocationWrites('CREATE')] },
      matchConditions: [notTheOperator(systemNamespace)],
      validations: [
        {
          expression: `authorizer.group('${GROUP}').resource('macpools').namespace(${namespace}).name(${pool}).check('use').allowed()`,
          reason: 'Forbidden',
          messageExpression: message,
        },
        {
          expression: `!object.spec.?reserved.orValue(false) || authorizer.group('${GROUP}').resource('macpools').namespace(${namespace}).name(${pool}).check('reserve').allowed()`,
          reason: 'Forbidden',
          messageExpression: reserveMessage,
        },
      ],
    },
  };
}
