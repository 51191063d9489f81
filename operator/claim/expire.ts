import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { keyOf } from '../../kube/client/objects.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { releaseExpired } from '../../ledger/address/release-expired.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { BLOCKED_RETRY_MS, type ConsumerDeps, currentConsumer } from './consumer.ts';
import type { ExpiryGuard } from './expiry-guard.ts';
import { publishBlocked, publishStatus, type PublishStatusDeps } from './publish-status.ts';

export type ExpireClaimDeps = ConsumerDeps & PublishStatusDeps & { readonly expiryGuard: ExpiryGuard };

/** The reason of an expiry in the ledger. After a crash, `readoptClaim` recognises the expiry by it. */
export const EXPIRED = 'expired';

/** Limits the claims of one round. The next round takes the rest. */
const CLAIMS_PER_ROUND = 1_000;

/**
 * Enqueues every claim that has expired by the ledger's clock, unless the release guard holds its pool. The claim's own
 * reconcile decides what happens: the claim may have been renewed meanwhile, or may be in use.
 */
export async function enqueueExpiredClaims({
  expiryGuard,
  claimChanged,
}: Pick<Sources, 'claimChanged'> & { readonly expiryGuard: ExpiryGuard }): Promise<void> {
  for (const { owner } of await expiryGuard.check(CLAIMS_PER_ROUND)) {
    if (owner !== undefined) claimChanged.fire(owner);
  }
}

/** Releases and deletes an expired claim, unless something uses its address or the release guard holds its pool. */
export async function expireClaim(
  claim: MacAllocation,
  row: AddressRow,
  deps: ExpireClaimDeps,
): Promise<ReconcileResult> {
  const { ledger, actor, logger, metrics, expiryGuard } = deps;
  // It is enqueued again when the guard lets it expire.
  if (expiryGuard.holds(row.pool)) return undefined;
  const consumer = await currentConsumer(row, claim, deps);
  if (consumer.inUse) {
    await publishBlocked(claim, 'expired', consumer, deps);
    return { requeueAfterMs: consumer.retryMs ?? BLOCKED_RETRY_MS };
  }
  const [result] = await releaseExpired(ledger, [row], { actor, reason: EXPIRED });
  logger.info({ claim: keyOf(claim), mac: row.mac, outcome: result?.outcome }, 'claim expired');
  if (result?.outcome !== 'released' && result?.outcome !== 'already_released') {
    return { requeueAfterMs: BLOCKED_RETRY_MS };
  }
  metrics.released('expired');
  await finishExpired(claim, deps);
  return undefined;
}

/** Publishes the expiry and deletes the claim, whose address is released. */
export async function finishExpired(claim: MacAllocation, deps: PublishStatusDeps): Promise<void> {
  const { namespace, name, uid } = claim.metadata;
  const message =
    'The claim was not renewed before status.expiresAt, so its address was released. Create a new claim to get another one';
  await publishStatus(claim, { ready: false, reason: 'Expired', message }, {}, deps);
  await deps.client.delete(macAllocations, { namespace, name }, { uid });
}
