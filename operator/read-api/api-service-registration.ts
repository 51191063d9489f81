import type { Logger } from 'pino';
import { LEDGER_API_SERVICE, LEDGER_GROUP, LEDGER_VERSION, OPERATOR_SERVICE_ACCOUNT } from '../../api/names.ts';
import { attachApiService, isUnavailable, removeApiService } from '../../kube/client/api-service.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { apiServices, services } from '../../kube/client/core-resources.ts';

/** How long the API server may fail to reach this server before the APIService is removed. Shorter than the webhook's limit. */
const UNREACHABLE_MS = 30_000;

/** Pause before the next attempt. During each attempt, deletions of namespaces wait for up to UNREACHABLE_MS. */
const RETRY_MS = 10 * 60_000;

/** A port of a Service. */
export interface ServicePort {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
}

export interface RegistrationDeps {
  readonly client: KubeClient;
  readonly service: ServicePort;
  readonly logger: Logger;
  readonly now: () => number;
}

/** The APIService that makes the API server forward requests to this server. */
export interface ApiServiceRegistration {
  /** Creates or repairs the APIService. Does nothing without a Service, or for a while after it proved unreachable. */
  register(authorities: string): Promise<void>;
  /** Removes the APIService. Another replica, if there is one, registers it again within seconds. */
  unregister(): Promise<void>;
}

export function createApiServiceRegistration({
  client,
  service,
  logger,
  now,
}: RegistrationDeps): ApiServiceRegistration {
  let retryAfter = 0;

  async function hasService(): Promise<boolean> {
    const { namespace, name } = service;
    return (await client.find(services, { namespace, name })) !== undefined;
  }

  return {
    register: async (authorities) => {
      if (retryAfter > now() || !(await hasService())) return;
      const found = await client.find(apiServices, { name: LEDGER_API_SERVICE });
      if (found !== undefined && isUnavailable(found, now(), UNREACHABLE_MS)) {
        await removeApiService(client, found);
        retryAfter = now() + RETRY_MS;
        logger.error(
          { name: LEDGER_API_SERVICE, service },
          'removed the APIService of the read API, because the API server cannot reach this server: check the network between them',
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
      if (written) logger.info({ name: LEDGER_API_SERVICE }, 'registered the read API');
    },
    unregister: async () => {
      try {
        const found = await client.find(apiServices, { name: LEDGER_API_SERVICE });
        if (found !== undefined) await removeApiService(client, found);
      } catch (error) {
        logger.warn(
          { err: error },
          'could not remove the APIService of the read API: if no operator serves it, the webhook removes it',
        );
      }
    },
  };
}
