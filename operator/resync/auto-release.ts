import { ANNOTATIONS } from '../../api/names.ts';
import { findCondition } from '../../kube/controller/conditions.ts';
import { setAnnotations } from '../../kube/client/json-patch.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { missingAddresses } from '../../ledger/address/mark-missing.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { release } from '../../ledger/address/release.ts';
import { decideAutoRelease, type AutoReleaseDecision } from './auto-release-policy.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { setPoolCondition } from '../pool/set-condition.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { macAllocations, macPools, type MacPool } from '../../kube/client/mac-resources.ts';

/** Addresses looked at in one resync. What is over this waits for the next. */
const AT_ONCE = 10_000;

const HELD = 'AutoReleaseHeld';

/**
 * Gives back what has been missing for longer than its pool's period, as far as the release guard allows. Called at the end of a
 * pass that counts, which has just not seen any of them again; each is looked for once more, by itself, before it goes.
 * Answers how many were released.
 */
export async function autoRelease(
  pools: readonly MacPool[],
  sinceLastResyncMs: number,
  context: OperatorDeps,
): Promise<number> {
  const { ledger, clusterId, logger, metrics } = context;
  const missing = await missingAddresses(ledger, clusterId, AT_ONCE);
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
      approved: readCount(annotations?.[ANNOTATIONS.approveRelease]),
    });
    metrics.autoReleaseHeld(name, decision.release ? 0 : rows.length);
    if (rows.length > 0) logger.info({ pool: name, count: rows.length, ...decision }, 'automatic release');
    if (decision.release) released += await releaseGone(rows, context);
    await showDecision(pool, decision, context);
  }
  return released;
}

function isHeld({ status }: MacPool): boolean {
  return findCondition(status?.conditions ?? [], HELD)?.status === 'True';
}

function readCount(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,9}$/.test(text) ? Number(text) : undefined;
}

/** An approval is used up with what it approved. */
async function showDecision(pool: MacPool, decision: AutoReleaseDecision, context: OperatorDeps): Promise<void> {
  const { name } = pool.metadata;
  const { release: goesOn, reason, message } = decision;
  const holds = !goesOn && reason !== 'NothingToRelease';
  if (holds || isHeld(pool)) {
    await setPoolCondition(name, { type: HELD, status: holds ? 'True' : 'False', reason, message }, context);
  }
  if (holds) return;
  const body = setAnnotations(pool.metadata.annotations, { [ANNOTATIONS.approveRelease]: undefined });
  if (body.length > 0) await context.client.patch(macPools, { name }, { type: 'json', body });
}

async function releaseGone(rows: readonly AddressRow[], context: OperatorDeps): Promise<number> {
  const { ledger, actor, logger, metrics } = context;
  let released = 0;
  for (const row of rows) {
    const { mac, owner, missingSince } = row;
    if (!(await isGone(row, context))) {
      logger.warn({ mac, ...owner }, 'an address that a resync did not see is in use after all');
      continue;
    }
    const reason = `no live owner since ${missingSince?.toISOString() ?? 'long'}`;
    const [answer] = await release(ledger, [row], { actor, reason });
    logger.info({ mac, ...owner, outcome: answer?.outcome }, 'address without a live owner released');
    if (answer?.outcome !== 'released') continue;
    metrics.released('missing');
    released++;
  }
  return released;
}

/** Read once more from the store, by uid. What cannot be looked for is not known to be gone. */
async function isGone({ mac, owner }: AddressRow, { kinds, client }: OperatorDeps): Promise<boolean> {
  if (owner?.uid === undefined) return false;
  const { kind: kindName, namespace, name, uid } = owner;
  if (kindName === macAllocations.kind) {
    const claim = await getOrUndefined(macAllocations, { namespace, name }, client);
    return claim?.metadata.uid !== uid;
  }
  const kind = kinds.find(({ resource }) => resource.kind === kindName);
  return kind !== undefined && !(await kind.stillUses({ namespace, name, uid, mac }, client));
}
