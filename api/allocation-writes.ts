import { GROUP, operatorUsername, VERSION } from './names.ts';

/* What the policies and webhooks of MacAllocations have in common. */

/** Returns the rule for these requests about MacAllocations. */
export function allocationWrites(...operations: readonly ('CREATE' | 'UPDATE' | 'DELETE')[]) {
  return { apiGroups: [GROUP], apiVersions: [VERSION], operations, resources: ['macallocations'], scope: 'Namespaced' };
}

/** Returns the condition that leaves out the operator. It may write the protected fields, and its mirrors must not depend on others. */
export function notTheOperator(systemNamespace: string): { readonly name: string; readonly expression: string } {
  return {
    name: 'not-the-operator',
    expression: `request.userInfo.username != '${operatorUsername(systemNamespace)}'`,
  };
}
