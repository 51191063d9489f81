import { allOf, sameExcept, SERVER_FIELDS } from './compare-objects.ts';
import { WEBHOOK_CA_POLICY, webhookUsername } from './names.ts';

/**
 * Returns the policy that lets the ServiceAccount of the webhook change the CA of its configurations and nothing else. RBAC
 * cannot limit a patch to a field. Without the policy, whoever has the token of the webhook could have all objects of the
 * cluster sent to a server of their own. The rule compares whatever fields there are, also those of later versions.
 */
export function webhookCaPolicy(systemNamespace: string): Record<string, unknown> {
  const webhook = allOf(
    'new.name == old.name',
    sameExcept('new', 'old', ['clientConfig']),
    sameExcept('new.clientConfig', 'old.clientConfig', ['caBundle']),
  );
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name: WEBHOOK_CA_POLICY },
    spec: {
      failurePolicy: 'Fail',
      matchConstraints: {
        resourceRules: [
          {
            apiGroups: ['admissionregistration.k8s.io'],
            apiVersions: ['*'],
            operations: ['CREATE', 'UPDATE'],
            resources: ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations'],
            scope: 'Cluster',
          },
        ],
      },
      matchConditions: [
        {
          name: 'the-webhook',
          expression: `request.userInfo.username == '${webhookUsername(systemNamespace)}'`,
        },
      ],
      validations: [
        {
          expression: allOf(
            'oldObject != null',
            sameExcept('object', 'oldObject', ['metadata', 'webhooks']),
            sameExcept('object.metadata', 'oldObject.metadata', SERVER_FIELDS),
            'object.?webhooks.orValue([]).size() == oldObject.?webhooks.orValue([]).size()',
            `object.?webhooks.orValue([]).all(new, oldObject.webhooks.exists_one(old, ${webhook}))`,
          ),
          reason: 'Forbidden',
          message: 'The webhook of rock-mac may change only the caBundle of a webhook configuration.',
        },
      ],
    },
  };
}
