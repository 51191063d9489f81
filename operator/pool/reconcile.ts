import type { PoolDefinition } from '../../api/default-pools.ts';
import { formatDuration, parseDuration } from '../../api/duration.ts';
import { POOL_FINALIZER } from '../../api/names.ts';
import { DEFAULT_REUSE_DELAY, type MacPoolSpec, type MacPoolStatus } from '../../api/mac-pool.ts';
import { setCondition, type NewCondition } from '../../kube/controller/conditions.ts';
import type { Result } from '../../kube/controller/controller.ts';
import { isAlreadyExists } from '../../kube/client/errors.ts';
import { addFinalizer, removeFinalizer } from '../../kube/client/json-patch.ts';
import { poolStats, type PoolStats } from '../../ledger/pool/pool-stats.ts';
import {
  definePool,
  growPool,
  listPools,
  pausePool,
  removePool,
  type DefineOutcome,
  type Pool,
} from '../../ledger/pool/pools.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { parseMac, type MacRefusal } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { macPools, type MacPool } from '../../kube/client/mac-resources.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';

/**
 * Shows every pool of the ledger as a MacPool. The seven defaults come with the ledger, so that this is also how they get
 * into a new cluster. Existing objects are left alone: what they say is for `reconcilePool` to judge.
 */
export async function registerPools({ client, ledger, logger }: OperatorDeps): Promise<void> {
  for (const pool of await listPools(ledger)) {
    try {
      await client.create(macPools, {
        metadata: { name: pool.name, finalizers: [POOL_FINALIZER] },
        spec: specOf(pool),
      });
      logger.info({ pool: pool.name }, 'pool shown');
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
}

function specOf(pool: Pool): MacPoolSpec {
  const { first, last, description, autoReleaseSeconds, reuseDelaySeconds, paused } = pool;
  return {
    first,
    last,
    ...(description !== '' && { description }),
    ...(autoReleaseSeconds !== null && { autoReleaseAfter: formatDuration(autoReleaseSeconds) }),
    reuseDelay: formatDuration(reuseDelaySeconds),
    paused,
  };
}

/**
 * Carries a MacPool's definition to the ledger, which owns it: a new pool is defined, a longer one grows, a paused one is
 * paused. Anything else that differs is a conflict, for a person to settle. Watches MacPools; sets their Ready condition.
 */
export async function reconcilePool(pool: MacPool, context: OperatorDeps): Promise<Result> {
  const { ledger, actor, client } = context;
  const { deletionTimestamp, name } = pool.metadata;
  if (deletionTimestamp !== undefined) return await endPool(pool, context);
  const guard = addFinalizer(pool, POOL_FINALIZER);
  // The stored change comes back as a watch event.
  if (guard.length > 0) {
    await client.patch(macPools, { name }, { type: 'json', body: guard });
    return undefined;
  }
  const wanted = definitionOf(pool);
  if (typeof wanted === 'string') {
    await refuse(pool, wanted, context);
    return undefined;
  }
  let outcome: DefineOutcome;
  try {
    outcome = await definePool(ledger, wanted, actor);
    if (outcome === 'conflict') outcome = await settle(wanted, context);
  } catch (error) {
    if (!isLedgerError(error) || error.code !== 'BAD_REQUEST') throw error;
    await refuse(pool, error.message, context);
    return undefined;
  }
  if (outcome === 'defined' || outcome === 'unchanged') {
    await pausePool(ledger, wanted.name, pool.spec.paused === true, actor);
  }
  await publish(pool, judge(outcome, pool), context);
  return undefined;
}

/** What it says can never be a pool; only a person helps, and that is news. */
async function refuse(pool: MacPool, message: string, context: OperatorDeps): Promise<void> {
  const observedGeneration = pool.metadata.generation;
  const refused = { type: 'Ready', status: 'False', reason: 'InvalidDefinition', message } as const;
  await publish(pool, { ...refused, observedGeneration }, context);
}

/** How soon a pool is looked at again whose deletion is held back. */
const HELD_BACK_MS = 5_000;

/**
 * The end of a MacPool, held back while anybody holds an address of it, in this cluster or another. The ledger then forgets
 * a pool that was never used, and keeps one that was, paused. One that was never the ledger's definition just goes.
 */
async function endPool(pool: MacPool, context: OperatorDeps): Promise<Result> {
  const { ledger, actor, client, logger } = context;
  const { name } = pool.metadata;
  const body = removeFinalizer(pool, POOL_FINALIZER);
  if (body.length === 0) return undefined;
  const stats = (await poolStats(ledger)).find((each) => each.pool === name);
  const isTheLedgers = stats?.first === pool.spec.first;
  if (isTheLedgers) {
    const outcome = await removePool(ledger, name, actor);
    if (outcome === 'in_use') {
      await publish(pool, evaluateHeldBack(stats, pool), context);
      return { requeueAfterMs: HELD_BACK_MS };
    }
    logger.info({ pool: name, outcome }, 'pool deleted');
  }
  await client.patch(macPools, { name }, { type: 'json', body });
  return undefined;
}

async function publish(pool: MacPool, condition: NewCondition, { client, now }: OperatorDeps): Promise<void> {
  const { generation } = pool.metadata;
  const before: MacPoolStatus = pool.status ?? {};
  const after: MacPoolStatus = {
    ...before,
    conditions: [...setCondition(before.conditions ?? [], condition, now())],
    ...(generation !== undefined && { observedGeneration: generation }),
  };
  await writeStatus(macPools, pool, after, client);
}

/** The definition, or why it is none: the API server knows the form of an address, but not which a device may own. */
function definitionOf({ metadata: { name }, spec }: MacPool): PoolDefinition | string {
  const [first, last] = [parseMac(spec.first), parseMac(spec.last)];
  if (!first.ok) return unownable('first', spec.first, first.why);
  if (!last.ok) return unownable('last', spec.last, last.why);
  return {
    name,
    first: first.mac,
    last: last.mac,
    description: spec.description ?? '',
    autoReleaseSeconds: spec.autoReleaseAfter === undefined ? null : (parseDuration(spec.autoReleaseAfter) ?? null),
    reuseDelaySeconds: parseDuration(spec.reuseDelay ?? DEFAULT_REUSE_DELAY) ?? 0,
  };
}

function unownable(field: string, text: string, why: MacRefusal): string {
  return `spec.${field} ${text} is a ${why} address, which no device may own: choose another range in a new MacPool`;
}

/** A definition that differs only by a later end is growth. */
async function settle(wanted: PoolDefinition, { ledger, actor }: OperatorDeps): Promise<DefineOutcome> {
  const held = (await listPools(ledger)).find(({ name }) => name === wanted.name);
  const grows =
    held !== undefined &&
    held.first === wanted.first &&
    held.last < wanted.last &&
    held.autoReleaseSeconds === wanted.autoReleaseSeconds &&
    held.reuseDelaySeconds === wanted.reuseDelaySeconds;
  if (!grows) return 'conflict';
  const outcome = await growPool(ledger, wanted.name, wanted.last, actor);
  switch (outcome) {
    case 'grown':
    case 'unchanged':
      return 'unchanged';
    case 'overlaps':
    case 'outside_prefix':
      return outcome;
    case 'would_shrink':
    case 'pool_not_found':
      return 'conflict';
  }
}

const REFUSALS = {
  conflict: {
    reason: 'DefinitionConflict',
    message:
      'The ledger has another definition of this pool, which other clusters use: make this object say the same (rock-mac stats shows it)',
  },
  overlaps: {
    reason: 'RangeOverlaps',
    message: 'The range shares addresses with another pool of the ledger: choose another',
  },
  outside_prefix: {
    reason: 'OutsidePrefix',
    message: 'The range is not under the prefix of the ledger: choose another',
  },
} as const;

function judge(outcome: DefineOutcome, { spec, metadata: { generation } }: MacPool): NewCondition {
  const base = { type: 'Ready', observedGeneration: generation };
  if (outcome !== 'defined' && outcome !== 'unchanged') return { ...base, status: 'False', ...REFUSALS[outcome] };
  return spec.paused === true
    ? { ...base, status: 'False', reason: 'Paused', message: 'The pool hands out nothing until spec.paused is false' }
    : { ...base, status: 'True', reason: 'Defined', message: 'The ledger has this pool' };
}

function evaluateHeldBack(stats: PoolStats, { metadata: { generation } }: MacPool): NewCondition {
  const { pool, active, pending, reserved, orphaned } = stats;
  const held = active + pending + reserved + orphaned;
  const parts = `${active} active, ${pending} pending, ${reserved} reserved, ${orphaned} orphaned`;
  const message = `The deletion waits for ${held} addresses that are held (${parts}): release them; rock-mac list --pool ${pool} shows whose they are`;
  return { type: 'Ready', status: 'False', reason: 'DeletionBlocked', message, observedGeneration: generation };
}
