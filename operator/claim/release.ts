import { ANNOTATIONS } from '../../api/names.ts';
import { readReason } from '../../api/reason.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { keyOf } from '../../kube/client/objects.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import { findByHolderKey } from '../../ledger/address/find.ts';
import { claimKey } from '../../ledger/address/holder-key.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { dropFinalizer } from '../allocation/drop-finalizer.ts';
import { releaseByKey, type ReleaseByKeyDeps, type ReleaseByKeyOptions } from '../allocation/release-by-key.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Identity } from '../controller/identity-key.ts';
import { BLOCKED_RETRY_MS, type ConsumerDeps, type ConsumerState, currentConsumer } from './consumer.ts';
import { publishBlocked, publishStatus, type PublishStatusDeps } from './publish-status.ts';

export type ReleaseClaimDeps = ConsumerDeps & PublishStatusDeps & ReleaseByKeyDeps;

/** Releases the address of a claim that is being deleted, then removes its finalizer. Waits for consumer and ledger. */
export async function releaseTerminatingClaim(claim: MacAllocation, deps: ReleaseClaimDeps): Promise<ReconcileResult> {
  try {
    const force = claim.metadata.annotations?.[ANNOTATIONS.forceRelease] === 'true';
    const said = readReason(claim.metadata.annotations?.[ANNOTATIONS.releaseReason]);
    const options = { force, reason: 'claim deleted', said, claim };
    const { outcome, consumer } = await releaseUnusedClaim(claim.metadata.uid, options, deps);
    if (consumer?.inUse === true) {
      await publishBlocked(claim, 'deleted', consumer, deps);
      return { requeueAfterMs: consumer.retryMs ?? BLOCKED_RETRY_MS };
    }
    // A consumer took the claim between the check and the release.
    if (outcome === 'has_consumer') return { requeueAfterMs: 0 };
    deps.logger.info({ claim: keyOf(claim), mac: claim.status?.mac, outcome }, 'claim released');
  } catch (error) {
    if (!(error instanceof LedgerError)) throw error;
    const message = `The release waits for the ledger (${error.code}). Restore the ledger, or see docs/operations.md if it is lost`;
    await publishStatus(claim, { ready: false, reason: 'Releasing', message }, {}, deps);
    throw error;
  }
  await dropFinalizer(claim, deps.client);
  return undefined;
}

/**
 * Releases what the ledger holds for a claim that no longer exists, with or without a finalizer. Somebody may have removed
 * the finalizer. Also, the API server checks finalizers before it calls the webhooks of a deletion, and not again after
 * it: a finalizer that is added meanwhile does not keep the object
 * (https://github.com/kubernetes/kubernetes/blob/v1.37.2/staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go, Delete).
 */
export async function releaseDeletedClaim(
  { namespace, name, uid }: Identity,
  deps: ConsumerDeps & ReleaseByKeyDeps & Pick<OperatorDeps, 'clusterId'>,
): Promise<ReconcileResult> {
  const row = await findByHolderKey(deps.ledger, claimKey({ clusterId: deps.clusterId, uid }));
  if (row === undefined || row.keptSince !== undefined) return undefined;
  // A cache that does not have the claim proves nothing.
  const live = await getOrUndefined(macAllocations, { namespace, name }, deps.client);
  if (live?.metadata.uid === uid) return undefined;
  const { outcome, consumer } = await releaseUnusedClaim(uid, { force: false, reason: 'claim is gone' }, deps);
  if (outcome === 'has_consumer') return { requeueAfterMs: consumer?.retryMs ?? BLOCKED_RETRY_MS };
  deps.logger.info({ claim: `${namespace}/${name}`, outcome }, 'released the address of a claim that no longer exists');
  return undefined;
}

/**
 * Releases what the ledger holds for a claim. Changes nothing while something uses the address, and returns what does.
 * Without `force`, a reserved address stays reserved after its claim.
 */
async function releaseUnusedClaim(
  uid: string,
  options: ReleaseByKeyOptions & { readonly claim?: MacAllocation },
  deps: ConsumerDeps & ReleaseByKeyDeps & Pick<OperatorDeps, 'clusterId'>,
): Promise<{ readonly outcome: string; readonly consumer?: ConsumerState }> {
  const key = claimKey({ clusterId: deps.clusterId, uid });
  const row = await findByHolderKey(deps.ledger, key);
  if (row === undefined) return { outcome: 'nothing_held' };
  const consumer = await currentConsumer(row, options.claim, deps);
  if (consumer.inUse) return { outcome: 'has_consumer', consumer };
  return { outcome: await releaseByKey(key, options, deps) };
}
