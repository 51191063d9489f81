import type { Logger } from 'pino';
import { LEDGER_API_SERVICE, LEDGER_GROUP, LEDGER_VERSION, OPERATOR_SERVICE_ACCOUNT } from '../../api/names.ts';
import { attachApiService, isUnavailable, removeApiService } from '../../kube/client/api-service.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { apiServices, services } from '../../kube/client/core-resources.ts';

/** How long the API server may fail to reach us before we take our offer back. Shorter than the webhook's patience. */
const PATIENCE_MS = 30_000;

/** How long we then wait: with every try, deletions of namespaces wait for as long as our patience. */
const HOLD_MS = 10 * 60_000;

export interface AttachmentOptions {
  readonly client: KubeClient;
  readonly service: { readonly namespace: string; readonly name: string; readonly port: number };
  readonly logger: Logger;
  readonly now: () => number;
}

/** What the API server is told of where this API is. */
export interface Attachment {
  /** Makes or mends the APIService, unless there is no Service to lead to, or it was seen that it cannot be reached. */
  attach(authorities: string): Promise<void>;
  /** Whether this was the last replica is not known here: another one attaches again within seconds. */
  detach(): Promise<void>;
}

export function createAttachment({ client, service, logger, now }: AttachmentOptions): Attachment {
  let heldUntil = 0;

  async function hasService(): Promise<boolean> {
    const { namespace, name } = service;
    return (await client.find(services, { namespace, name })) !== undefined;
  }

  return {
    attach: async (authorities) => {
      if (heldUntil > now() || !(await hasService())) return;
      const found = await client.find(apiServices, { name: LEDGER_API_SERVICE });
      if (found !== undefined && isUnavailable(found, now(), PATIENCE_MS)) {
        await removeApiService(client, found);
        heldUntil = now() + HOLD_MS;
        logger.error(
          { name: LEDGER_API_SERVICE, service },
          'removed the read API, which answers but cannot be reached by the API server: look for what is between them',
        );
        return;
      }
      const written = await attachApiService(client, found, {
        group: LEDGER_GROUP,
        version: LEDGER_VERSION,
        service,
        authorities,
        owner: OPERATOR_SERVICE_ACCOUNT,
        labels: { 'app.kubernetes.io/name': 'rock-mac', 'app.kubernetes.io/part-of': 'rock-mac' },
        fieldManager: 'rock-mac-operator',
      });
      if (written) logger.info({ name: LEDGER_API_SERVICE }, 'attached the read API');
    },
    detach: async () => {
      try {
        const found = await client.find(apiServices, { name: LEDGER_API_SERVICE });
        if (found !== undefined) await removeApiService(client, found);
      } catch (error) {
        logger.warn({ err: error }, 'could not remove the read API: if no other operator answers, the webhook does it');
      }
    },
  };
}
