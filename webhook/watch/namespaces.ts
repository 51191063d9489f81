import type { Logger } from 'pino';
import { parseMaxAddresses } from '../../api/max-addresses.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { namespaces } from '../../kube/client/core-resources.ts';
import { metadataOnly } from '../../kube/client/resource.ts';
import { createReflector } from '../../kube/controller/reflector.ts';
import { limitReads } from '../limits/limit-reads.ts';
import { cachedGet } from './cached-get.ts';

/** What a namespace says about the addresses of its objects. */
export interface NamespaceTerms {
  /** The pool from which its objects get their addresses. */
  readonly pool: string;
  /** When it was created. A deleted namespace of that name was another one. */
  readonly since?: Date | undefined;
  /** How many addresses it may hold. */
  readonly maxAddresses?: number | undefined;
  /** They also say whether the addresses of its StatefulSets are sticky. */
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

export type FoundNamespace =
  | ({ readonly found: 'exists' } & NamespaceTerms)
  | { readonly found: 'absent' }
  /** It is not in the cache, and too many others were looked up just now. */
  | { readonly found: 'unknown' };

export interface Namespaces {
  find(name: string): Promise<FoundNamespace>;
  stop(): Promise<void>;
}

/**
 * Limits the reads of namespaces that are not in the cache. A namespace is missing there for the milliseconds until its
 * event arrives, and all of them are until the first list. Anybody could name namespaces that do not exist.
 */
const UNCACHED_READS = { capacity: 100, perSecond: 20 };

/**
 * Watches the metadata of all namespaces, because every admission needs it. The annotation of a namespace names its pool;
 * without one it is the default pool of the installation. So whoever may write a Namespace decides which pool it uses.
 */
export function watchNamespaces(options: {
  readonly client: KubeClient;
  readonly defaultPool: string;
  readonly logger: Logger;
}): Namespaces {
  const { client, defaultPool, logger } = options;
  const resource = metadataOnly(namespaces);
  const cache = createReflector({ client, resource, logger, onChange: () => undefined });
  cache.start();
  const now = () => performance.now();
  const get = limitReads((name) => readIfNamed(name), { ...UNCACHED_READS, now });

  async function readIfNamed(name: string) {
    try {
      return await cachedGet(cache, client, resource, { name });
    } catch (error) {
      // A text that cannot be the name of a namespace.
      if (error instanceof RangeError) return undefined;
      throw error;
    }
  }

  return {
    find: async (name) => {
      const cached = cache.get(name);
      const namespace = cached ?? (await get(name));
      if (namespace === 'limited') return { found: 'unknown' };
      if (namespace === undefined) return { found: 'absent' };
      const { annotations, creationTimestamp } = namespace.metadata;
      const annotated = annotations?.[ANNOTATIONS.pool] ?? '';
      const since = creationTimestamp === undefined ? undefined : new Date(creationTimestamp);
      const maxAddresses = parseMaxAddresses(annotations);
      return { found: 'exists', pool: annotated === '' ? defaultPool : annotated, since, maxAddresses, annotations };
    },
    stop: () => cache.stop(),
  };
}
