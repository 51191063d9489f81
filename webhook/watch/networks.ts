import type { Logger } from 'pino';
import { macSupport, type NetworkSupport } from '../../api/cni-plugins.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { segmentOf } from '../../api/segment.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { isNotFound } from '../../kube/client/errors.ts';
import { networkDefinitions } from '../../kube/client/network-definitions.ts';
import { parseKey } from '../../kube/client/objects.ts';
import { createReflector } from '../../kube/controller/reflector.ts';
import { cachedGet } from './cached-get.ts';

/** What matters here about a NetworkAttachmentDefinition. */
export interface Network {
  readonly support: NetworkSupport;
  /** The pool that its annotation names. */
  readonly pool?: string | undefined;
  /** It could not be read, so it may name a pool. */
  readonly isPoolUnknown?: boolean;
}

/** Returns what the networks of a cluster do with a MAC address, and the pools that they name. */
export interface Networks {
  /** Names and keys are `namespace/name` of NetworkAttachmentDefinitions. */
  find(names: readonly string[]): Promise<ReadonlyMap<string, Network>>;
  /** Returns the segment of a network. One that is not cached has none. */
  segmentOf(name: string | undefined): string;
  stop(): Promise<void>;
}

/** Returns a look-up that reads each network once. A review may look at its networks twice. */
export function readOnce(find: Networks['find']): Networks['find'] {
  const known = new Map<string, Network>();
  return async (names) => {
    for (const [name, network] of await find(names.filter((each) => !known.has(each)))) known.set(name, network);
    return known;
  };
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

  async function read(name: string): Promise<Network> {
    try {
      const found = await cachedGet(cache, client, networkDefinitions, parseKey(name));
      if (found === undefined) return { support: 'missing' };
      return { support: macSupport(found.spec?.config), pool: found.metadata.annotations?.[ANNOTATIONS.pool] };
    } catch (error) {
      // Without the CRD there is no network at all.
      if (isNotFound(error)) return { support: 'missing' };
      // An address that the network may ignore is better than a pod that is refused because of a slow read.
      logger.warn({ err: error, network: name }, 'could not read a network');
      return { support: 'unknown', isPoolUnknown: true };
    }
  }

  return {
    find: async (names) => {
      const unique = [...new Set(names)];
      return new Map(await Promise.all(unique.map(async (name) => [name, await read(name)] as const)));
    },
    segmentOf: (name) => segmentOf(name === undefined ? undefined : cache.get(name)?.metadata),
    stop: () => cache.stop(),
  };
}
