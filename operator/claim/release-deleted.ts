import type { Result } from '../../kube/controller/controller.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import { findByHolderKey } from '../../ledger/address/find.ts';
import { claimKey } from '../../ledger/address/holder-key.ts';
import { BLOCKED_RETRY_MS } from './reconcile.ts';
import type { OperatorDeps } from '../dependencies.ts';
import type { Identity } from '../workload/release-unmirrored.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { releaseClaim } from './release.ts';

/**
 * Releases what the ledger holds for a claim that is gone, finalizer or not. Somebody may have taken the finalizer off by
 * hand; and the API server looks for finalizers before it calls the webhooks of a deletion, and not again: one that is
 * added meanwhile does not keep the object
 * (https://github.com/kubernetes/kubernetes/blob/v1.37.2/staging/src/k8s.io/apiserver/pkg/registry/generic/registry/store.go, Delete).
 */
export async function releaseDeletedClaim({ namespace, name, uid }: Identity, context: OperatorDeps): Promise<Result> {
  const row = await findByHolderKey(context.ledger, claimKey({ clusterId: context.clusterId, uid }));
  if (row === undefined || row.keptSince !== undefined) return undefined;
  // A copy that does not hold it proves nothing.
  const live = await getOrUndefined(macAllocations, { namespace, name }, context.client);
  if (live?.metadata.uid === uid) return undefined;
  const { outcome } = await releaseClaim(uid, { force: false, reason: 'claim is gone' }, context);
  context.logger.info({ claim: `${namespace}/${name}`, outcome }, 'address of a claim that is gone');
  return outcome === 'has_consumer' ? { requeueAfterMs: BLOCKED_RETRY_MS } : undefined;
}
