import type { Logger } from 'pino';
import { ANNOTATIONS } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { namespaces } from '../../kube/client/core-resources.ts';
import { createReflector } from '../../kube/controller/reflector.ts';
import { metadataOnly } from '../../kube/client/resource.ts';
import { cachedGet } from './cached-get.ts';

/** Returns the pool from which the objects of a namespace get their addresses. */
export interface NamespacePools {
  poolOf(namespace: string): Promise<string>;
  stop(): Promise<void>;
}

/**
 * Watches the metadata of all namespaces, because every admission needs it. The annotation of a namespace names its pool;
 * without one it is the default pool of the installation. So whoever may write a Namespace decides which pool it uses.
 */
export function watchNamespacePools(options: {
  readonly client: KubeClient;
  readonly defaultPool: string;
  readonly logger: Logger;
}): NamespacePools {
  const { client, defaultPool, logger } = options;
  const resource = metadataOnly(namespaces);
  const cache = createReflector({ client, resource, logger, onChange: () => undefined });
  cache.start();
  return {
    poolOf: async (name) => {
      const namespace = await cachedGet(cache, client, resource, { name });
      const annotated = namespace?.metadata.annotations?.[ANNOTATIONS.pool] ?? '';
      return annotated === '' ? defaultPool : annotated;
    },
    stop: () => cache.stop(),
  };
}
