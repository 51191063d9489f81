import type { KubeClient } from '../../kube/client/client.ts';
import { isNotFound } from '../../kube/client/errors.ts';
import { formatKey, type KubeObject, type ObjectKey } from '../../kube/client/objects.ts';
import type { Reflector } from '../../kube/controller/reflector.ts';
import type { Resource } from '../../kube/client/resource.ts';

/** At most two of these come before the 3 s of the ledger, and all must end before the API server hangs up after 5 s. */
export const LIVE_READ_MS = 700;

/**
 * An object from the reflector's copy. What that does not hold (made a moment ago, or nothing is listed yet) is read from
 * the API server, so that an answer never depends on how old the copy is; `undefined` where it does not exist.
 */
export async function cachedGet<T extends KubeObject>(
  copy: Pick<Reflector<T>, 'get'>,
  client: Pick<KubeClient, 'get'>,
  resource: Resource<T>,
  key: ObjectKey,
): Promise<T | undefined> {
  const known = copy.get(formatKey(key));
  if (known !== undefined) return known;
  try {
    return await client.get(resource, key, { timeoutMs: LIVE_READ_MS, attempts: 1 });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
