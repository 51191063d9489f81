import type { Logger } from 'pino';
import { z } from 'zod';
import type { KubeClient } from '../../kube/client/client.ts';
import { objectMeta, parseKey } from '../../kube/client/objects.ts';
import { createReflector } from '../../kube/controller/reflector.ts';
import type { Resource } from '../../kube/client/resource.ts';
import { cachedGet } from './cached-get.ts';
import { macSupport, type MacSupport } from '../plan/cni-plugins.ts';

/** A network that is not there is as good as unknown: it may be made later, and the CNI plugin waits for it. */
export type NetworkSupport = MacSupport | 'missing';

/** Tells what the networks of a cluster do with a MAC address. */
export interface Networks {
  /** By `namespace/name` of their NetworkAttachmentDefinitions. */
  supportOf(names: readonly string[]): Promise<ReadonlyMap<string, NetworkSupport>>;
  stop(): Promise<void>;
}

const definition = z.object({
  metadata: objectMeta,
  spec: z.object({ config: z.string().optional() }).optional(),
});

const definitions: Resource<z.infer<typeof definition>> = {
  group: 'k8s.cni.cncf.io',
  version: 'v1',
  plural: 'network-attachment-definitions',
  kind: 'NetworkAttachmentDefinition',
  namespaced: true,
  schema: definition,
};

/** Keeps a copy of all NetworkAttachmentDefinitions. Their kind may be absent, and come later. */
export function watchNetworks({ client, logger }: { readonly client: KubeClient; readonly logger: Logger }): Networks {
  const copy = createReflector({
    client,
    resource: definitions,
    optional: true,
    logger,
    onChange: () => undefined,
  });
  copy.start();

  async function support(name: string): Promise<NetworkSupport> {
    try {
      const found = await cachedGet(copy, client, definitions, parseKey(name));
      return found === undefined ? 'missing' : macSupport(found.spec?.config);
    } catch (error) {
      // A pod that gets an address on trust is better than one that is refused because of a slow read.
      logger.warn({ err: error, network: name }, 'could not read a network');
      return 'unknown';
    }
  }

  return {
    supportOf: async (names) => {
      const unique = [...new Set(names)];
      return new Map(await Promise.all(unique.map(async (name) => [name, await support(name)] as const)));
    },
    stop: () => copy.stop(),
  };
}
