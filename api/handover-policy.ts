import { allocationWrites, notTheOperator } from './allocation-writes.ts';
import { ANNOTATIONS, GROUP, HANDOVER_POLICY } from './names.ts';

/**
 * Returns the policy for two annotations of claims. The API server evaluates it by RBAC, in the namespace of the claim, whoever
 * else may change the claim.
 *
 * `transfer-to` ends the claim as soon as the other claim asks for the address, so only who may delete the claim sets or
 * changes it. `override-reuse-delay` takes an address earlier than a pool gives it, so it needs the verb `use` on the pool. For
 * a new claim the policy of `use` asks for that too, but an annotation can be added later.
 */
export function handoverPolicy(systemNamespace: string): Record<string, unknown> {
  const macAllocations = `authorizer.group('${GROUP}').resource('macallocations').namespace(request.namespace)`;
  const pool = 'object.spec.pool';
  const user = `'User "' + request.userInfo.username + '"`;
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: HANDOVER_POLICY },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: { resourceRules: [allocationWrites('CREATE', 'UPDATE')] },
      matchConditions: [notTheOperator(systemNamespace)],
      variables: [ANNOTATIONS.transferTo, ANNOTATIONS.overrideReuseDelay].map((annotation, index) => ({
        name: ['newTarget', 'newOverride'][index],
        expression: `${valueOf('object', annotation)} != '' && (oldObject == null || ${valueOf('object', annotation)} != ${valueOf('oldObject', annotation)})`,
      })),
      validations: [
        {
          expression: `!variables.newTarget || ${macAllocations}.name(request.name).check('delete').allowed()`,
          reason: 'Forbidden',
          messageExpression: `${user} may not delete MacAllocation "' + request.name + '" in namespace "' + request.namespace + '", so they may not hand its address over. Ask for the verb "delete" on macallocations.${GROUP}.'`,
        },
        {
          expression: `!variables.newOverride || authorizer.group('${GROUP}').resource('macpools').namespace(request.namespace).name(${pool}).check('use').allowed()`,
          reason: 'Forbidden',
          messageExpression: `${user} may not use MacPool "' + ${pool} + '" in namespace "' + request.namespace + '", so they may not override its reuse delay. Ask for the verb "use" on macpools.${GROUP}/' + ${pool} + '.'`,
        },
      ],
    },
  };
}

/** Returns a CEL expression for the value of an annotation, or an empty text. */
function valueOf(object: string, annotation: string): string {
  return `${object}.metadata.?annotations[?'${annotation}'].orValue('')`;
}
