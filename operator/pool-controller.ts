import { isDeepStrictEqual } from 'node:util';
import type { PoolDefinition } from '../api/default-pools.ts';
import { formatDuration, parseDuration } from '../api/duration.ts';
import type { MacPoolSpec, MacPoolStatus } from '../api/mac-pool.ts';
import { setCondition, type NewCondition } from '../kube/conditions.ts';
import type { Result } from '../kube/controller.ts';
import { isAlreadyExists } from '../kube/errors.ts';
import { definePool, growPool, listPools, pausePool, type DefineOutcome, type Pool } from '../ledger/pools.ts';
import { mac } from '../mac/mac-address.ts';
import type { OperatorContext } from './context.ts';
import { macPools, type MacPool } from './resources.ts';

/** What a pool gets that names no reuse delay. */
const DEFAULT_REUSE_DELAY_SECONDS = 3_600;

/**
 * Shows every pool of the ledger as a MacPool. The seven defaults come with the ledger, so that this is also how they get
 * into a new cluster. Existing objects are left alone: what they say is for `reconcilePool` to judge.
 */
export async function registerPools({ client, ledger, logger }: OperatorContext): Promise<void> {
  for (const pool of await listPools(ledger)) {
    try {
      await client.create(macPools, { metadata: { name: pool.name }, spec: specOf(pool) });
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
    ...(paused && { paused }),
  };
}

/**
 * Carries a MacPool's definition to the ledger, which owns it: a new pool is defined, a longer one grows, a paused one is
 * paused. Anything else that differs is a conflict, for a person to settle. Watches MacPools; sets their Ready condition.
 */
export async function reconcilePool(pool: MacPool, context: OperatorContext): Promise<Result> {
  if (pool.metadata.deletionTimestamp !== undefined) return undefined;
  const { ledger, actor, client, now } = context;
  const wanted = definitionOf(pool);
  let outcome = await definePool(ledger, wanted, actor);
  if (outcome === 'conflict') outcome = await settle(wanted, context);
  if (outcome === 'defined' || outcome === 'unchanged') {
    await pausePool(ledger, wanted.name, pool.spec.paused === true, actor);
  }
  const before: MacPoolStatus = pool.status ?? {};
  const { generation } = pool.metadata;
  const conditions = setCondition(before.conditions ?? [], judge(outcome, pool), now());
  const after: MacPoolStatus = {
    ...before,
    conditions: [...conditions],
    ...(generation !== undefined && { observedGeneration: generation }),
  };
  if (!isDeepStrictEqual(after, before)) {
    const body = { metadata: { resourceVersion: pool.metadata.resourceVersion }, status: after };
    await client.patch(macPools, { name: wanted.name }, { type: 'merge', body }, { subresource: 'status' });
  }
  return undefined;
}

function definitionOf({ metadata: { name }, spec }: MacPool): PoolDefinition {
  return {
    name,
    first: mac(spec.first),
    last: mac(spec.last),
    description: spec.description ?? '',
    autoReleaseSeconds: spec.autoReleaseAfter === undefined ? null : (parseDuration(spec.autoReleaseAfter) ?? null),
    reuseDelaySeconds: parseDuration(spec.reuseDelay ?? '') ?? DEFAULT_REUSE_DELAY_SECONDS,
  };
}

/** A definition that differs only by a later end is growth. */
async function settle(wanted: PoolDefinition, { ledger, actor }: OperatorContext): Promise<DefineOutcome> {
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
