import type { Logger } from 'pino';
import { WEBHOOK_CONFIGURATION } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import {
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
  type WebhookConfiguration,
} from '../../kube/client/core-resources.ts';
import type { Resource } from '../../kube/client/resource.ts';

interface PublishDeps {
  readonly client: KubeClient;
  readonly logger: Logger;
}

/** Writes the CA bundle (PEM) into both webhook configurations, unless it is there already. */
export async function publishCa(bundle: string, deps: PublishDeps): Promise<void> {
  await publishInto(mutatingWebhookConfigurations, bundle, deps);
  await publishInto(validatingWebhookConfigurations, bundle, deps);
}

async function publishInto(
  resource: Resource<WebhookConfiguration>,
  bundle: string,
  { client, logger }: PublishDeps,
): Promise<void> {
  const caBundle = Buffer.from(bundle).toString('base64');
  const configuration = await client.find(resource, { name: WEBHOOK_CONFIGURATION });
  if (configuration === undefined) {
    logger.warn({ kind: resource.kind, name: WEBHOOK_CONFIGURATION }, 'no webhook configuration to publish the CA in');
    return;
  }
  const { resourceVersion } = configuration.metadata;
  const stale = configuration.webhooks.flatMap((webhook, index) =>
    webhook.clientConfig.caBundle === caBundle ? [] : [`/webhooks/${String(index)}/clientConfig/caBundle`],
  );
  if (stale.length === 0) return;
  await client.patch(
    resource,
    { name: WEBHOOK_CONFIGURATION },
    {
      type: 'json',
      body: [
        { op: 'test', path: '/metadata/resourceVersion', value: resourceVersion },
        ...stale.map((path) => ({ op: 'add' as const, path, value: caBundle })),
      ],
    },
  );
  logger.info({ kind: resource.kind, name: WEBHOOK_CONFIGURATION }, 'published the CA');
}
