import type { Logger } from 'pino';
import { macSupport, type NetworkSupport } from '../../api/cni-plugins.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { isNotFound } from '../../kube/client/errors.ts';
import { networkDefinitions } from '../../kube/client/network-definitions.ts';
import { parseKey } from '../../kube/client/objects.ts';
import { createReflector } from '../../kube/controller/reflector.ts';
import { cachedGet } from './cached-get.ts';

/** Returns what the networks of a cluster do with a MAC address. */
export interface Networks {
  /** Names and keys are `namespace/name` of NetworkAttachmentDefinitions. */
  supportOf(names: readonly string[]): Promise<ReadonlyMap<string, NetworkSupport>>;
  stop(): Promise<void>;
}

/** Watches all NetworkAttachmentDefinitions. Their CRD may be missing, and be installed later. */
export function watchNetworks({ client, logger }: { readonly client: KubeClient; readonly logger: Logger }): Networks {
  const cache = createReflector({
    client,
    resource: networkDefinitions,
    optional: true,
    logger,
    onChange: () => undefined,
  });
  cache.start();

  async function support(name: string): Promise<NetworkSupport> {
    try {
      const found = await cachedGet(cache, client, networkDefinitions, parseKey(name));
      return found === undefined ? 'missing' : macSupport(found.spec?.config);
    } catch (error) {
      // Without the CRD there is no network at all.
      if (isNotFound(error)) return 'missing';
      // An address that the network may ignore is better than a pod that is refused because of a slow read.
      logger.warn({ err: error, network: name }, 'could not read a network');
      return 'unknown';
    }
  }

  return {
    supportOf: async (names) => {
      const unique = [...new Set(names)];
      return new Map(await Promise.all(unique.map(async (name) => [name, await support(name)] as const)));
    },
    stop: () => cache.stop(),
  };
}
