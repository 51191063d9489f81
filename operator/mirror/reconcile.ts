import { RELEASE_FINALIZER } from '../../api/names.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { formatKey } from '../../kube/client/objects.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import { findByHolderKey } from '../../ledger/address/find.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import { LedgerError } from '../../ledger/errors.ts';
import type { BackoffOptions } from '../../time/backoff.ts';
import { deleteAllocation } from '../allocation/delete-allocation.ts';
import { dropFinalizer } from '../allocation/drop-finalizer.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { type MirroredAddress, mirroredAddressOf } from './mirror.ts';
import { releaseMirroredAddress, type ReleaseMirroredDeps } from './release-deleted-workload.ts';
import { isNamespaceTerminating } from './terminating-namespace.ts';

export type MirrorDeps = ReleaseMirroredDeps &
  Pick<OperatorDeps, 'client' | 'kinds'> &
  Pick<Sources, 'workloads' | 'ended'>;

/** Delays between the tries of a release that waits for the ledger. The ceiling bounds how long after an outage the last one ends. */
const LEDGER_AWAY: BackoffOptions = { baseMs: 3_000, maxMs: 30_000 };

/**
 * Delays between the checks of an address that its object no longer has but something still uses. An interface that was cut
 * out of a running machine lingers until the machine restarts, which may take weeks.
 */
const LINGER: BackoffOptions = { baseMs: 3_000, maxMs: 300_000 };

/**
 * Reconciles one mirror: deletes it when nothing uses its address any more, and releases the address before its finalizer
 * is removed.
 *
 * A cache that does not have the object proves nothing. So either the watch has reported the end of this very uid, or the
 * object is read without a cache and compared by uid. On any error or incomplete response the reconcile throws, and nothing
 * is released.
 *
 * @returns `done` when the finalizer is removed
 */
export async function reconcileMirror(mirror: MacAllocation, deps: MirrorDeps): Promise<ReconcileResult | 'done'> {
  const { deletionTimestamp, finalizers } = mirror.metadata;
  const address = mirroredAddressOf(mirror, deps);
  if (address === undefined) return undefined;
  if (deletionTimestamp === undefined) {
    // A cached object is proof enough that the address is in use: its deletion enqueues this mirror again.
    if (isInUse(address, deps)) return undefined;
    if (await isHeldAndUsed(address, deps)) return { poll: LINGER };
    const deleted = await deleteAllocation(mirror.metadata, deps.client);
    return deleted === undefined ? undefined : await endMirror(deleted, address, deps);
  }
  if (finalizers?.includes(RELEASE_FINALIZER) !== true) return undefined;
  if (!(await isHeldAndUsed(address, deps))) return await endMirror(mirror, address, deps);
  // Somebody deleted the mirror while its object exists. The address stays with the object, and a new mirror is created.
  // Where none can be created (a terminating namespace, or a VM that left its instance behind), this mirror stays until
  // the address is unused.
  const willBeRecreated = isInUse(address, deps) && !(await isNamespaceTerminating(address.namespace, deps));
  if (!willBeRecreated) return { poll: LINGER };
  await dropFinalizer(mirror, deps.client);
  return 'done';
}

/** Releases the address of a deleted mirror that nothing uses any more, and removes its finalizer. */
async function endMirror(
  mirror: MacAllocation,
  address: MirroredAddress,
  deps: MirrorDeps,
): Promise<ReconcileResult | 'done'> {
  if ((await releaseMirroredAddress(mirror, address, deps)) === 'later') return { poll: LEDGER_AWAY };
  await dropFinalizer(mirror, deps.client);
  return 'done';
}

/** Returns whether the cache has the mirrored object with this address. */
function isInUse(
  { kind, namespace, consumer: { name, uid }, mac }: MirroredAddress,
  { workloads }: Pick<Sources, 'workloads'>,
): boolean {
  const workload = workloads.get(kind.resource.kind)?.cache.get(formatKey({ namespace, name }));
  return workload?.metadata.uid === uid && workload.uses.includes(mac);
}

/**
 * Returns whether something uses the address for the mirrored object. A machine that was made again under its name may have
 * inherited the address: then the mirror of the first machine shows nothing any more, although the guest still runs.
 */
async function isHeldAndUsed(
  address: MirroredAddress,
  deps: Pick<MirrorDeps, 'client' | 'ended' | 'ledger' | 'clusterId'>,
): Promise<boolean> {
  const { kind, namespace, consumer, mac } = address;
  const { name, uid } = consumer;
  if (deps.ended.has(uid)) return false;
  return (await kind.stillUses({ namespace, name, uid, mac }, deps.client)) && (await isHeld(address, deps));
}

/** An unavailable ledger proves nothing. */
async function isHeld(
  { consumer: { uid, nic }, mac }: MirroredAddress,
  { ledger, clusterId }: Pick<MirrorDeps, 'ledger' | 'clusterId'>,
): Promise<boolean> {
  try {
    return (await findByHolderKey(ledger, boundKey({ clusterId, uid, nic, mac }))) !== undefined;
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    return true;
  }
}
