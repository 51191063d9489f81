import {
  ADDRESS_RANGES_CONFIG_MAP,
  ADMISSION_KEYS_SECRET,
  GROUP,
  LEDGER_API_SERVICE,
  LEDGER_HEAD_CONFIG_MAP,
  WEBHOOK_CONFIGURATION,
  WEBHOOK_SECRET,
} from '../api/names.ts';
import { metricsServerRules } from '../api/roles.ts';

/**
 * The cluster-wide rights of the webhook: read the pools of namespaces, the configuration of networks, and the addresses and
 * labels of claims, and publish its CA. It writes no objects of users; its decisions are in its responses.
 */
export const webhookClusterRules = [
  // Includes kube-system, whose uid identifies the cluster.
  { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['k8s.cni.cncf.io'], resources: ['network-attachment-definitions'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: [GROUP], resources: ['macallocations'], verbs: ['get', 'list'] },
  // The second rule also serves to check whether a refused requester may know who holds the address.
  ...metricsServerRules,
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
    resourceNames: [WEBHOOK_CONFIGURATION],
    verbs: ['get', 'patch'],
  },
  // To remove the read API when no operator serves it.
  {
    apiGroups: ['apiregistration.k8s.io'],
    resources: ['apiservices'],
    resourceNames: [LEDGER_API_SERVICE],
    verbs: ['get', 'delete'],
  },
] as const;

/**
 * The rights of the webhook in its own namespace: store its certificates and keys, and read the ticket of its cluster, the
 * prefixes of the ledger and its own pod.
 */
export const webhookNamespaceRules = [
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
  {
    apiGroups: [''],
    resources: ['secrets'],
    resourceNames: [WEBHOOK_SECRET, ADMISSION_KEYS_SECRET],
    verbs: ['get', 'update'],
  },
  { apiGroups: [''], resources: ['configmaps'], resourceNames: [LEDGER_HEAD_CONFIG_MAP], verbs: ['get'] },
  {
    apiGroups: [''],
    resources: ['configmaps'],
    resourceNames: [ADDRESS_RANGES_CONFIG_MAP],
    verbs: ['get', 'list', 'watch'],
  },
  // While the ledger is away, the existence of its own pod allows a process to go on with its stock.
  { apiGroups: [''], resources: ['pods'], verbs: ['get'] },
] as const;
