import {
  ADDRESS_RANGES_CONFIG_MAP,
  ADMISSION_KEYS_SECRET,
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

/** The operator's rules in all namespaces. Only MacAllocations have its finalizer, so it writes no object of users. */
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
  // The uid of kube-system identifies the cluster. In a terminating namespace, no mirror can be created. The labels say whose
  // addresses of other prefixes are observed.
  { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
  // A network that takes no addresses is not to blame for an interface that has another one. Equal addresses in two segments, or on
  // interfaces of one parent, are no collision. The pool of a network proves after a failover what admission gave.
  { apiGroups: ['k8s.cni.cncf.io'], resources: ['network-attachment-definitions'], verbs: ['get', 'list', 'watch'] },
  // A pod that was deleted by force may run on until its node responds, is gone or is declared off.
  { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch'] },
  // A sticky address stays while its controller counts the ordinal of its pod or machine.
  { apiGroups: ['apps'], resources: ['statefulsets'], verbs: ['get'] },
  { apiGroups: ['pool.kubevirt.io'], resources: ['virtualmachinepools'], verbs: ['get'] },
  // Shows whether KubeVirt and Multus are installed. Only then does a 404 mean that a virtual machine or a network was deleted.
  {
    apiGroups: ['apiextensions.k8s.io'],
    resources: ['customresourcedefinitions'],
    resourceNames: [
      'virtualmachineinstances.kubevirt.io',
      'virtualmachines.kubevirt.io',
      'virtualmachinepools.pool.kubevirt.io',
      'network-attachment-definitions.k8s.cni.cncf.io',
    ],
    verbs: ['get'],
  },
  // Authenticates and authorizes the clients of the metrics and of the read API.
  ...metricsServerRules,
  // Registers the read API. Unlike a create, server-side apply can be limited by name when it creates the object.
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

/**
 * The operator's rules in all namespaces where pods wait for an absent ledger with a scheduling gate. The policy of
 * api/operator-pods-policy.ts limits the patch to that gate and to the annotations with addresses.
 */
export const schedulingGateRules: readonly PolicyRule[] = [{ apiGroups: [''], resources: ['pods'], verbs: ['patch'] }];

/** The operator's rules in its own namespace. RBAC cannot limit a create by name, because it does not know the name. */
export const operatorNamespaceRules: readonly PolicyRule[] = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['create'] },
  {
    apiGroups: ['coordination.k8s.io'],
    resources: ['leases'],
    resourceNames: [OPERATOR_LEASE],
    verbs: ['get', 'update'],
  },
  { apiGroups: [''], resources: ['configmaps'], verbs: ['create'] },
  {
    apiGroups: [''],
    resources: ['configmaps'],
    resourceNames: [LEDGER_HEAD_CONFIG_MAP, ADDRESS_RANGES_CONFIG_MAP],
    verbs: ['get', 'update'],
  },
  // The read API stores its certificates, and checks that its Service exists.
  { apiGroups: [''], resources: ['services'], resourceNames: [READ_API_SERVICE], verbs: ['get'] },
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
  { apiGroups: [''], resources: ['secrets'], resourceNames: [READ_API_SECRET], verbs: ['get', 'update'] },
  // The keys of the tokens by which the webhook says who got an address of its stock.
  { apiGroups: [''], resources: ['secrets'], resourceNames: [ADMISSION_KEYS_SECRET], verbs: ['get'] },
];

/** The operator's rules for the ConfigMaps of `operator.exports`, which the chart limits to their names. */
export const exportRules: readonly PolicyRule[] = [
  { apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'patch'] },
];

/**
 * The operator's rules in the namespace kube-node-lease, which every cluster has. The Lease of a node shows whether its kubelet
 * is in contact, which decides when a claim is free whose pod was deleted by force.
 */
export const operatorNodeLeaseRules: readonly PolicyRule[] = [
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['get'] },
];

/** The rules of the program that prepares an uninstallation. It runs once, with its own ServiceAccount. */
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

/** The rules of the program that `helm test` runs, in the namespace of the test. It only creates what is never stored (server dry run). */
export const testNamespaceRules: readonly PolicyRule[] = [
  { apiGroups: [GROUP], resources: ['macallocations'], verbs: ['create'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['create'] },
];

export const uninstallNamespaceRules: readonly PolicyRule[] = [
  {
    apiGroups: ['apps'],
    resources: ['deployments'],
    // The Deployment has the name of its ServiceAccount.
    resourceNames: [OPERATOR_SERVICE_ACCOUNT],
    verbs: ['get', 'delete'],
  },
  // Shows whether an operator still leads.
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], resourceNames: [OPERATOR_LEASE], verbs: ['get'] },
];
