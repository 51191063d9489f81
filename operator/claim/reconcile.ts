import { RELEASE_FINALIZER } from '../../api/names.ts';
import { addFinalizer } from '../../kube/client/json-patch.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import { findByHolderKey } from '../../ledger/address/find.ts';
import { claimKey } from '../../ledger/address/holder-key.ts';
import { ledgerTime } from '../../ledger/address/mark-missing.ts';
import { allocateClaim, type AllocateClaimDeps } from './allocate.ts';
import { currentConsumer } from './consumer.ts';
import { expireClaim, type ExpireClaimDeps } from './expire.ts';
import { endIfHandedOver } from './handed-over.ts';
import { publishAllocated } from './publish-status.ts';
import { readoptClaim, type ReadoptClaimDeps } from './readopt.ts';
import { type ReleaseClaimDeps, releaseTerminatingClaim } from './release.ts';
import { renewClaim } from './renew.ts';

export type ClaimDeps = AllocateClaimDeps & ExpireClaimDeps & ReadoptClaimDeps & ReleaseClaimDeps;

/**
 * Reconciles one claim. Sets its finalizer and its status.
 *
 * The order of the writes makes a crash between any two of them harmless:
 * - Allocation: 1. finalizer stored, 2. ledger written, 3. status written. After 1, the next reconcile allocates. After 2,
 *   the same key (the claim's uid) gets the same address again.
 * - Deletion: 1. ledger released, 2. finalizer removed. After 1, the repeated release reports that it is done.
 * - Handing over: see take-over.ts.
 * - Expiry: 1. ledger released, 2. status written, 3. object deleted. The next reconcile continues after each.
 */
export async function reconcileClaim(claim: MacAllocation, deps: ClaimDeps): Promise<ReconcileResult> {
  const { deletionTimestamp, finalizers, namespace, name } = claim.metadata;
  const hasFinalizer = finalizers?.includes(RELEASE_FINALIZER) === true;
  if (deletionTimestamp !== undefined) return hasFinalizer ? await releaseTerminatingClaim(claim, deps) : undefined;
  if (!hasFinalizer) {
    // The watch event of this change starts the allocation. A deletion that was already under way still wins: see
    // releaseDeletedClaim.
    const body = addFinalizer(claim, RELEASE_FINALIZER);
    await deps.client.patch(macAllocations, { namespace, name }, { type: 'json', body });
    return undefined;
  }
  return claim.status?.mac === undefined ? await allocateClaim(claim, deps) : await updateAllocatedClaim(claim, deps);
}

/** Updates the expiry and the consumer of a claim that has its address. */
async function updateAllocatedClaim(claim: MacAllocation, deps: ClaimDeps): Promise<ReconcileResult> {
  const { ledger, clusterId } = deps;
  const row = await findByHolderKey(ledger, claimKey({ clusterId, uid: claim.metadata.uid }));
  if (row === undefined) return (await endIfHandedOver(claim, deps)) ? undefined : await readoptClaim(claim, deps);
  const expiresAt = await renewClaim(claim, row, deps);
  if (expiresAt !== undefined && expiresAt < (await ledgerTime(ledger))) return await expireClaim(claim, row, deps);
  const consumer = await currentConsumer(row, claim, deps);
  // A consumer without a ref is only named by admission so far. The end of its lease enqueues this claim again.
  await publishAllocated(claim, { ...row, expiresAt }, deps, consumer.inUse ? consumer : undefined);
  return consumer.retryMs === undefined ? undefined : { requeueAfterMs: consumer.retryMs };
}
