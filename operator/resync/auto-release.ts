import { ANNOTATIONS } from '../../api/names.ts';
import { setAnnotations } from '../../kube/client/json-patch.ts';
import { macAllocations, macPools, type MacPool } from '../../kube/client/mac-resources.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { findCondition } from '../../kube/controller/conditions.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { missingAddresses } from '../../ledger/address/mark-missing.ts';
import { release } from '../../ledger/address/release.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { setPoolCondition } from '../pool/conditions.ts';
import { decideAutoRelease, type AutoReleaseDecision } from './auto-release-policy.ts';

export type AutoReleaseDeps = Pick<
  OperatorDeps,
  'ledger' | 'client' | 'kinds' | 'clusterId' | 'actor' | 'metrics' | 'logger' | 'now'
>;

/** Limits the addresses of one resync. The next resync takes the rest. */
const ADDRESSES_PER_RESYNC = 10_000;

const HELD = 'AutoReleaseHeld';

/**
 * Releases the addresses that have been missing for longer than their pool's period, if the release guard allows it.
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
  const stats = missing.length === 0 ? [] : await poolStats(ledger);
  let released = 0;
  for (const pool of pools) {
    const { name, annotations } = pool.metadata;
    const rows = byPool.get(name) ?? [];
    const decision = decideAutoRelease({
      count: rows.length,
      active: stats.find((each) => each.pool === name)?.active ?? 0,
      sinceLastResyncMs,
      wasHeld: isHeld(pool),
      approved: parseCount(annotations?.[ANNOTATIONS.approveRelease]),
    });
    metrics.autoReleaseHeld(name, decision.release ? 0 : rows.length);
    if (rows.length > 0) logger.info({ pool: name, count: rows.length, ...decision }, 'automatic release decided');
    if (decision.release) released += await releaseMissing(rows, deps);
    await publishDecision(pool, decision, deps);
  }
  return released;
}

function isHeld({ status }: MacPool): boolean {
  return findCondition(status?.conditions ?? [], HELD)?.status === 'True';
}

function parseCount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** Publishes the decision as a condition. Removes the approval when nothing is held, because it is used up then. */
async function publishDecision(
  pool: MacPool,
  { release: isAllowed, reason, message }: AutoReleaseDecision,
  deps: Pick<OperatorDeps, 'client' | 'now'>,
): Promise<void> {
  const { name } = pool.metadata;
  const holds = !isAllowed && reason !== 'NothingToRelease';
  if (holds || isHeld(pool)) {
    await setPoolCondition(name, { type: HELD, status: holds ? 'True' : 'False', reason, message }, deps);
  }
  if (holds) return;
  const body = setAnnotations(pool.metadata.annotations, { [ANNOTATIONS.approveRelease]: undefined });
  if (body.length > 0) await deps.client.patch(macPools, { name }, { type: 'json', body });
}

async function releaseMissing(rows: readonly AddressRow[], deps: AutoReleaseDeps): Promise<number> {
  const { ledger, actor, logger, metrics } = deps;
  let released = 0;
  for (const row of rows) {
    const { mac, owner, missingSince } = row;
    if (!(await isOwnerGone(row, deps))) {
      logger.warn({ mac, ...owner }, 'an address that a resync did not see is still in use');
      continue;
    }
    const reason = `no live owner since ${missingSince?.toISOString() ?? 'long'}`;
    const [result] = await release(ledger, [row], { actor, reason });
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
