import { RELEASE_FINALIZER } from '../../api/names.ts';
import { namespaces } from '../../kube/client/core-resources.ts';
import { isConflict, isNotFound } from '../../kube/client/errors.ts';
import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';
import { formatKey, type ObjectMeta } from '../../kube/client/objects.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { Result } from '../../kube/controller/controller.ts';
import { dropFinalizer } from '../allocation/drop-finalizer.ts';
import type { OperatorDeps } from '../dependencies.ts';
import type { Sources } from '../wiring/operator-sources.ts';
import { mirroredAddressOf, type MirroredAddress } from './mirror.ts';
import { releaseMirroredAddress, type ReleaseMirroredDeps } from './release-deleted-workload.ts';

export type MirrorDeps = ReleaseMirroredDeps & Pick<OperatorDeps, 'client' | 'kinds'> & Pick<Sources, 'workloads'>;

/** How soon a mirror is reconciled again when its object no longer has the address but something still uses it. */
const LINGER_MS = 3_000;

/**
 * Reconciles one mirror: deletes it when nothing uses its address any more, and releases the address before its finalizer
 * is removed.
 *
 * A cache that does not have the object proves nothing. So the object is read without a cache and compared by uid. On any
 * error or incomplete response the reconcile throws, and nothing is released.
 */
export async function reconcileMirror(mirror: MacAllocation, deps: MirrorDeps): Promise<Result> {
  const { deletionTimestamp, finalizers, namespace, name, uid } = mirror.metadata;
  const address = mirroredAddressOf(mirror, deps);
  if (address === undefined) return undefined;
  if (deletionTimestamp === undefined) {
    // A cached object is proof enough that the address is in use: its deletion enqueues this mirror again.
    if (isObserved(address, deps)) return undefined;
    if (await isUsed(address, deps)) return { requeueAfterMs: LINGER_MS };
    await deleteMirror({ namespace, name, uid }, deps);
    return undefined;
  }
  if (finalizers?.includes(RELEASE_FINALIZER) !== true) return undefined;
  if (await isUsed(address, deps)) {
    // Somebody deleted the mirror while its object exists. The address stays with the object, and a new mirror is created.
    // Where none can be created (a terminating namespace, or a VM that left its instance behind), this mirror stays until
    // the address is unused.
    const willBeRecreated = isObserved(address, deps) && !(await isNamespaceTerminating(address.namespace, deps));
    if (!willBeRecreated) return { requeueAfterMs: LINGER_MS };
  } else if ((await releaseMirroredAddress(mirror, address, deps)) === 'later') {
    return { requeueAfterMs: LINGER_MS };
  }
  await dropFinalizer(mirror, deps.client);
  return undefined;
}

/** Returns whether the cache has the mirrored object with this address. */
function isObserved(
  { kind, namespace, consumer: { name, uid }, mac }: MirroredAddress,
  { workloads }: Pick<Sources, 'workloads'>,
): boolean {
  const workload = workloads.get(kind.resource.kind)?.cache.get(formatKey({ namespace, name }));
  return workload?.metadata.uid === uid && workload.observed.includes(mac);
}

/** Deletes the mirror. The garbage collector may have been faster, and another mirror of this name is left alone. */
async function deleteMirror(
  { namespace, name, uid }: Pick<ObjectMeta, 'namespace' | 'name' | 'uid'>,
  { client }: Pick<OperatorDeps, 'client'>,
): Promise<void> {
  try {
    await client.delete(macAllocations, { namespace, name }, { uid });
  } catch (error) {
    if (!isNotFound(error) && !isConflict(error)) throw error;
  }
}

function isUsed(
  { kind, namespace, consumer, mac }: MirroredAddress,
  { client }: Pick<OperatorDeps, 'client'>,
): Promise<boolean> {
  return kind.stillUses({ namespace, name: consumer.name, uid: consumer.uid, mac }, client);
}

async function isNamespaceTerminating(name: string, { client }: Pick<OperatorDeps, 'client'>): Promise<boolean> {
  const namespace = await getOrUndefined(namespaces, { name }, client);
  return namespace?.metadata.deletionTimestamp !== undefined;
}
