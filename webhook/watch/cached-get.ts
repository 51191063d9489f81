import type { KubeClient } from '../../kube/client/client.ts';
import { formatKey, type KubeObject, type ObjectKey } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { Reflector } from '../../kube/controller/reflector.ts';

/** At most two such reads precede the 3 s of the ledger. All of them must end before the API server's timeout of 5 s. */
export const LIVE_READ_MS = 700;

/**
 * Returns an object from the cache of a reflector. If it is not there (just created, or nothing is listed yet), reads it from
 * the API server, so that the result does not depend on the age of the cache. Returns `undefined` if it does not exist.
 */
export async function cachedGet<T extends KubeObject>(
  cache: Pick<Reflector<T>, 'get'>,
  client: Pick<KubeClient, 'find'>,
  resource: Resource<T>,
  key: ObjectKey,
): Promise<T | undefined> {
  return cache.get(formatKey(key)) ?? (await client.find(resource, key, { timeoutMs: LIVE_READ_MS, attempts: 1 }));
}
