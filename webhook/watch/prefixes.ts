import type { Logger } from 'pino';
import { ADDRESS_RANGES_CONFIG_MAP } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { configMaps } from '../../kube/client/core-resources.ts';
import { createReflector } from '../../kube/controller/reflector.ts';
import { parsePrefixList, type Prefixes } from '../../mac/mac-range.ts';

/** The prefixes of the ledger, as the operator publishes them for the webhook and for the policies of the API server. */
export interface PublishedPrefixes {
  /** Those of the configuration until the ConfigMap was read. Keeps the last ones if somebody deletes it. */
  current(): Prefixes;
  /** Resolves when the ConfigMap was read, or is known to be absent. Rejects on `stop`. */
  hasRead(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Watches the ConfigMap of the address ranges. A watch and not a look into the ledger, because admissions go on while the
 * ledger is away.
 */
export function watchPrefixes({
  client,
  namespace,
  configured,
  logger,
}: {
  readonly client: Pick<KubeClient, 'list' | 'watch'>;
  readonly namespace: string;
  readonly configured: Prefixes;
  readonly logger: Logger;
}): PublishedPrefixes {
  let known = configured;
  const cache = createReflector({
    client,
    resource: configMaps,
    namespace,
    fieldSelector: `metadata.name=${ADDRESS_RANGES_CONFIG_MAP}`,
    logger,
    onChange: ({ type, object }) => {
      const text = object.data?.['prefixes'];
      if (type === 'deleted' || text === undefined) return;
      const published = parsePrefixList(text);
      if (published === undefined) logger.warn({ name: ADDRESS_RANGES_CONFIG_MAP }, 'the prefixes cannot be read');
      else known = published;
    },
  });
  cache.start();
  return { current: () => known, hasRead: () => cache.hasSynced(), stop: () => cache.stop() };
}
