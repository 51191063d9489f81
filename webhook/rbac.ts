import { WEBHOOK_CONFIGURATION, WEBHOOK_SECRET } from '../api/names.ts';

/** What the webhook may do anywhere: find out which cluster it is in, and publish its certificate authority. */
export const webhookClusterRules = [
  { apiGroups: [''], resources: ['namespaces'], resourceNames: ['kube-system'], verbs: ['get'] },
  {
    apiGroups: ['admissionregistration.k8s.io'],
    resources: ['mutatingwebhookconfigurations'],
    resourceNames: [WEBHOOK_CONFIGURATION],
    verbs: ['get', 'patch'],
  },
] as const;

/** What it may do in its own namespace: keep its certificates. */
export const webhookNamespaceRules = [
  { apiGroups: [''], resources: ['secrets'], verbs: ['create'] },
  { apiGroups: [''], resources: ['secrets'], resourceNames: [WEBHOOK_SECRET], verbs: ['get', 'update'] },
] as const;
