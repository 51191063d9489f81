import { GROUP, OPERATOR_LEASE } from '../api/names.ts';
import { metricsServerRules, type PolicyRule } from '../api/roles.ts';

/** What the operator may do anywhere. It never writes a pod: finalizers sit on MacAllocations only. */
export const operatorClusterRules: readonly PolicyRule[] = [
  { apiGroups: [GROUP], resources: ['macallocations'], verbs: ['get', 'list', 'watch', 'create', 'patch', 'delete'] },
  { apiGroups: [GROUP], resources: ['macallocations/status'], verbs: ['patch'] },
  { apiGroups: [GROUP], resources: ['macpools'], verbs: ['get', 'list', 'watch', 'create', 'patch'] },
  { apiGroups: [GROUP], resources: ['macpools/status'], verbs: ['patch'] },
  { apiGroups: ['events.k8s.io'], resources: ['events'], verbs: ['create', 'patch'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch'] },
  {
    apiGroups: ['kubevirt.io'],
    resources: ['virtualmachines', 'virtualmachineinstances'],
    verbs: ['get', 'list', 'watch'],
  },
  // Whose uid names the cluster; and whether one is being deleted, where no new mirror can be made.
  { apiGroups: [''], resources: ['namespaces'], verbs: ['get'] },
  // Whether KubeVirt is there at all: only then does a 404 say that a virtual machine is gone.
  {
    apiGroups: ['apiextensions.k8s.io'],
    resources: ['customresourcedefinitions'],
    resourceNames: ['virtualmachineinstances.kubevirt.io', 'virtualmachines.kubevirt.io'],
    verbs: ['get'],
  },
  ...metricsServerRules,
];

/** What it may do in its own namespace. A create cannot be limited by name: there is none yet when it is judged. */
export const operatorNamespaceRules: readonly PolicyRule[] = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: [OPERATOR_LEASE],
    verbs: ['get', 'update'],
  },
];
