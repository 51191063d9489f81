import { GROUP, LEDGER_API_SERVICE, WEBHOOK_CONFIGURATION, WEBHOOK_SECRET } from '../api/names.ts';
import { metricsServerRules } from '../api/roles.ts';

/**
 * What the webhook may do anywhere: read which pool a namespace names, what a network honours and what a claim holds, and
 * publish its certificate authority. It writes no object of anybody: what it decides travels in its answers.
 */
export const webhookClusterRules = [
  // Among them kube-system, whose uid is the name of the cluster.
  { apiGroups: [''], resources: ['namespaces'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: ['k8s.cni.cncf.io'], resources: ['network-attachment-definitions'], verbs: ['get', 'list', 'watch'] },
  { apiGroups: [GROUP], resources: ['macallocations'], verbs: ['get'] },
  // The second of these also to find out whether the one who is refused may know who holds the address.
  ...metricsServerRules,
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
    resourceNames: [WEBHOOK_CONFIGURATION],
    verbs: ['get', 'patch'],
  },
  // To remove the read API when no operator answers behind it.
  {
    apiGroups: ['apiregistration.k8s.io'],
    resources: ['apiservices'],
    resourceNames: [LEDGER_API_SERVICE],
    verbs: ['get', 'delete'],
  },
] as const;

/** What it may do in its own namespace: keep its certificates. */
export const webhookNamespaceRules = [
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
  { apiGroups: [''], resources: ['secrets'], resourceNames: [WEBHOOK_SECRET], verbs: ['get', 'update'] },
] as const;
