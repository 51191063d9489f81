import type { Logger } from 'pino';
import { ANNOTATIONS } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { namespaces } from '../../kube/client/core-resources.ts';
import { createReflector } from '../../kube/controller/reflector.ts';
import { metadataOnly } from '../../kube/client/resource.ts';
import { cachedGet } from './cached-get.ts';

/** Tells which pool the objects of a namespace get their addresses from. */
export interface NamespacePools {
  poolOf(namespace: string): Promise<string>;
  stop(): Promise<void>;
}

/**
 * Who may write a Namespace decides which pool is used there: its annotation names one, else it is the installation's.
 * Kept as a copy of all namespaces' metadata, since this is asked at every admission.
 */
export function watchNamespacePools(options: {
  readonly client: KubeClient;
  readonly defaultPool: string;
  readonly logger: Logger;
}): NamespacePools {
  const { client, defaultPool, logger } = options;
  const resource = metadataOnly(namespaces);
  const copy = createReflector({ client, resource, logger, onChange: () => undefined });
  copy.start();
  return {
    poolOf: async (name) => {
      const namespace = await cachedGet(copy, client, resource, { name });
      const named = namespace?.metadata.annotations?.[ANNOTATIONS.pool] ?? '';
      return named === '' ? defaultPool : named;
    },
    stop: () => copy.stop(),
  };
}
