import { ANNOTATIONS, WEBHOOK_CONFIGURATION } from '../api/names.ts';

/** Where the API server finds the webhook. */
export interface WebhookAddress {
  readonly namespace: string;
  readonly service: string;
  readonly port: number;
}

/** The path of the one entry so far. */
export const PODS_PATH = '/admit/pods';

/**
 * The MutatingWebhookConfiguration, without a CA bundle: the webhook publishes that itself, and a chart that rendered it
 * would put an old one back at every upgrade.
 *
 * The conditions decide who can be hurt by an outage of ours: with `failurePolicy: Fail` an object that passes them is
 * refused while the webhook is down, and every other object never notices (promise I6).
 */
export function webhookConfiguration(address: WebhookAddress): Record<string, unknown> {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: WEBHOOK_CONFIGURATION },
    webhooks: [
      {
        name: 'inject-pods.mac.rock-os.io',
        admissionReviewVersions: ['v1'],
        clientConfig: {
          service: { namespace: address.namespace, name: address.service, port: address.port, path: PODS_PATH },
        },
        rules: [
          { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'], scope: 'Namespaced' },
        ],
        matchPolicy: 'Equivalent',
        // By the name that the API server itself sets: a label of its own choosing would let a tenant exempt itself.
        namespaceSelector: {
          matchExpressions: [
            { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', address.namespace] },
          ],
        },
        matchConditions: [
          {
            name: 'asked-for-an-address',
            expression: `${annotation(ANNOTATIONS.inject)} == 'true'`,
          },
          {
            name: 'not-a-mirror-pod',
            expression: `${annotation('kubernetes.io/config.mirror')} == ''`,
          },
          { name: 'not-on-the-host-network', expression: '!object.spec.?hostNetwork.orValue(false)' },
          {
            name: 'not-a-virt-launcher-pod',
            expression:
              "!object.metadata.?ownerReferences.orValue([]).exists(owner, owner.kind == 'VirtualMachineInstance')",
          },
        ],
        failurePolicy: 'Fail',
        reinvocationPolicy: 'Never',
        sideEffects: 'NoneOnDryRun',
        timeoutSeconds: 5,
      },
    ],
  };
}

/** An annotation's value in CEL, or the empty text: both the map and the key may be absent. */
function annotation(key: string): string {
  return `object.metadata.?annotations[?'${key}'].orValue('')`;
}
