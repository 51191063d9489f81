import { ANNOTATIONS } from '../../api/names.ts';
import { setAnnotations } from '../../kube/client/json-patch.ts';
import { macAllocations, type MacPool, macPools } from '../../kube/client/mac-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { expiredClaimsByPool } from '../../ledger/address/expired-claims.ts';
import { missingAddresses } from '../../ledger/address/mark-missing.ts';
import { release } from '../../ledger/address/release.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { findNeed } from '../allocation/find-need.ts';
import type { GuestDeps } from '../allocation/migrated-guest.ts';
import type { ExpiryGuard } from '../claim/expiry-guard.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { Sources } from '../controller/operator-sources.ts';
import { isEndUnseen } from '../live/ended-workloads.ts';
import { setPoolCondition } from '../pool/conditions.ts';
import { approvedReleases, AUTO_RELEASE_HELD, isReleaseHeld } from '../pool/held-release.ts';
import { type AutoReleaseDecision, decideAutoRelease } from '../pool/release-guard.ts';
import { findEndedSticky, releaseEndedSticky, type ReleaseUnusedDeps } from '../sticky/release-unused.ts';

export type AutoReleaseDeps = Pick<
  OperatorDeps,
  'ledger' | 'client' | 'kinds' | 'clusterId' | 'actor' | 'metrics' | 'logger' | 'now'
> &
  GuestDeps &
  ReleaseUnusedDeps &
  Pick<Sources, 'ended'> & { readonly expiryGuard: Pick<ExpiryGuard, 'approve'> };

/** Limits the addresses of one resync. The next resync takes the rest. */
const ADDRESSES_PER_RESYNC = 10_000;

/**
 * Releases the addresses that have been missing for longer than their pool's period, if the release guard allows it. It
 * counts them together with the expired claims, which the guard of expiries then lets go. A sticky address whose end is proven by
 * what is in the cluster does not count, and does not wait for the guard: uninstalling many sets is nothing unusual.
 * Returns the number of released addresses. Runs at the end of a resync that counts and that has just missed them again.
 * Each address is checked once more on its own before its release.
 */
export async function autoRelease(
  pools: readonly MacPool[],
  sinceLastResyncMs: number,
  deps: AutoReleaseDeps,
): Promise<number> {
  const { ledger, clusterId, logger, metrics } = deps;
  const missing = await missingAddresses(ledger, clusterId, ADDRESSES_PER_RESYNC);
  const byPool = Map.groupBy(missing, ({ pool }) => pool);
  const expiredByPool = new Map((await expiredClaimsByPool(ledger, clusterId)).map(({ pool, count }) => [pool, count]));
  const sticky = await findEndedSticky(deps);
  const timed = sticky.filter(({ proven }) => !proven);
  const stats = missing.length + expiredByPool.size + timed.length === 0 ? [] : await poolStats(ledger);
  const held = new Map<string, number>();
  let released = await releaseEndedSticky(
    sticky.filter(({ proven }) => proven),
    deps,
  );
  for (const pool of pools) {
    const { name } = pool.metadata;
    const rows = byPool.get(name) ?? [];
    const unused = timed.filter(({ row }) => row.pool === name);
    const expired = expiredByPool.get(name) ?? 0;
    const count = rows.length + unused.length + expired;
    const decision = decideAutoRelease({
      missing: rows.length + unused.length,
      expired,
      active: stats.find((each) => each.pool === name)?.active ?? 0,
      sinceLastResyncMs,
      wasHeld: isReleaseHeld(pool),
      approved: approvedReleases(pool),
    });
    held.set(name, decision.release ? 0 : count);
    if (count > 0) logger.info({ pool: name, count, ...decision }, 'automatic release decided');
    if (decision.release) deps.expiryGuard.approve(name, expired);
    if (decision.release) {
      released += (await releaseMissing(rows, deps)) + (await releaseEndedSticky(unused, deps));
    }
    await publishDecision(pool, decision, deps);
  }
  metrics.autoReleaseHeld(held);
  return released;
}

/** Publishes the decision as a condition. Removes the approval when nothing is held, because it is used up then. */
async function publishDecision(
  pool: MacPool,
  { release: isAllowed, reason, message }: AutoReleaseDecision,
  deps: Pick<OperatorDeps, 'client' | 'now'>,
): Promise<void> {
  const { name } = pool.metadata;
  const holds = !isAllowed && reason !== 'NothingToRelease';
  if (holds || isReleaseHeld(pool)) {
    await setPoolCondition(name, { type: AUTO_RELEASE_HELD, status: holds ? 'True' : 'False', reason, message }, deps);
  }
  if (holds) return;
  const body = setAnnotations(pool.metadata.annotations, { [ANNOTATIONS.approveRelease]: undefined });
  if (body.length > 0) await deps.client.patch(macPools, { name }, { type: 'json', body });
}

async function releaseMissing(rows: readonly AddressRow[], deps: AutoReleaseDeps): Promise<number> {
  const { ledger, kinds, actor, logger, metrics } = deps;
  let released = 0;
  for (const row of rows) {
    const { mac, owner, missingSince } = row;
    if (!(await isOwnerGone(row, deps)) || (await findNeed(row, deps)) !== undefined) {
      logger.warn({ mac, ...owner }, 'an address that a resync did not see is still in use');
      continue;
    }
    const reason = `no live owner since ${missingSince?.toISOString() ?? 'long'}`;
    const kind = kinds.find(({ resource }) => resource.kind === owner?.kind);
    const endUnseen = kind !== undefined && isEndUnseen(owner?.uid ?? '', kind, deps);
    const [result] = await release(ledger, [{ ...row, endUnseen }], { actor, reason });
    logger.info({ mac, ...owner, outcome: result?.outcome }, 'address without a live owner released');
    if (result?.outcome !== 'released') continue;
    metrics.released('missing');
    released++;
  }
  return released;
}

/** Returns whether the owner is gone, by an uncached read and by uid. An owner that cannot be read is not gone. */
async function isOwnerGone(
  { mac, owner }: AddressRow,
  { kinds, client }: Pick<OperatorDeps, 'kinds' | 'client'>,
): Promise<boolean> {
  if (owner?.uid === undefined) return false;
  const { kind: kindName, namespace, name, uid } = owner;
  if (kindName === macAllocations.kind) {
    const claim = await getOrUndefined(macAllocations, { namespace, name }, client);
    return claim?.metadata.uid !== uid;
  }
  const kind = kinds.find(({ resource }) => resource.kind === kindName);
  return kind !== undefined && !(await kind.stillUses({ namespace, name, uid, mac }, client));
}
