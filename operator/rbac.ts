import {
  GROUP,
  LEDGER_API_SERVICE,
  LEDGER_HEAD_CONFIG_MAP,
  OPERATOR_LEASE,
  OPERATOR_SERVICE_ACCOUNT,
  READ_API_SECRET,
  READ_API_SERVICE,
  WEBHOOK_CONFIGURATION,
} from '../api/names.ts';
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
  // Who reads the metrics or the read API, and whether they may.
  ...metricsServerRules,
  // To tell the API server where the read API is. What is applied can be limited by name even where it creates.
  {
    apiGroups: ['apiregistration.k8s.io'],
    resources: ['apiservices'],
    resourceNames: [LEDGER_API_SERVICE],
    verbs: ['get', 'create', 'patch', 'delete'],
  },
  {
    apiGroups: ['rbac.authorization.k8s.io'],
    resources: ['clusterroles'],
    resourceNames: [OPERATOR_SERVICE_ACCOUNT],
    verbs: ['get'],
  },
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
  { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
  { apiGroups: [''], resources: ['configmaps'], resourceNames: [LEDGER_HEAD_CONFIG_MAP], verbs: ['get', 'update'] },
  // The read API: its certificates, and whether there is a Service that leads to it.
  { apiGroups: [''], resources: ['services'], resourceNames: [READ_API_SERVICE], verbs: ['get'] },
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
  { apiGroups: [''], resources: ['secrets'], resourceNames: [READ_API_SECRET], verbs: ['get', 'update'] },
];

/** What the program may do that clears the way for an uninstallation. It runs once, under an identity of its own. */
export const uninstallClusterRules: readonly PolicyRule[] = [
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
    resourceNames: [WEBHOOK_CONFIGURATION],
    verbs: ['delete'],
  },
  {
    apiGroups: ['apiregistration.k8s.io'],
    resources: ['apiservices'],
    resourceNames: [LEDGER_API_SERVICE],
    verbs: ['delete'],
  },
  { apiGroups: [GROUP], resources: ['macallocations'], verbs: ['get', 'list', 'patch', 'delete'] },
];

export const uninstallNamespaceRules: readonly PolicyRule[] = [
  {
    apiGroups: ['apps'],
    resources: ['deployments'],
    // The Deployment bears the name of its ServiceAccount.
    resourceNames: [OPERATOR_SERVICE_ACCOUNT],
    verbs: ['get', 'delete'],
  },
  // Whether anybody leads still.
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames: [OPERATOR_LEASE], verbs: ['get'] },
];
