import type { KubeClient } from '../../kube/client/client.ts';
import { listOrEmpty } from '../../kube/client/uncached-read.ts';
import { believeOwners } from './believe-owners.ts';
import { isSameCopy, type LiveWorkload, type Workload, type WorkloadKind } from './workload.ts';

/**
 * Lists every object of the cluster that uses an address or has a lease id. Reads each kind page by page from the API
 * server's store. Returns all objects or throws: callers treat an object that is not listed as deleted.
 *
 * `cachedCopy` saves memory: an object that is cached in the same version is not stored twice.
 */
export async function listLiveWorkloads(
  { kinds, client }: { readonly kinds: readonly WorkloadKind[]; readonly client: KubeClient },
  cachedCopy: (object: LiveWorkload) => Workload | undefined = () => undefined,
): Promise<readonly LiveWorkload[]> {
  const keep = ({ uses, lease }: Workload) => uses.length > 0 || lease !== undefined;
  const found: LiveWorkload[] = [];
  for (const kind of kinds) {
    const known = (workload: Workload) => {
      const copy = cachedCopy({ kind, workload });
      if (copy?.metadata.resourceVersion !== workload.metadata.resourceVersion) return undefined;
      return isSameCopy(copy, workload) ? copy : undefined;
    };
    for (const workload of await listOrEmpty(kind.resource, client, { keep, known })) found.push({ kind, workload });
  }
  return await believeOwners(found, client);
}
