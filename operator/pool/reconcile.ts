import type { PoolDefinition } from '../../api/default-pools.ts';
import { parseDuration } from '../../api/duration.ts';
import { DEFAULT_REUSE_DELAY } from '../../api/mac-pool.ts';
import { POOL_FINALIZER } from '../../api/names.ts';
import { addFinalizer } from '../../kube/client/json-patch.ts';
import { macPools, type MacPool } from '../../kube/client/mac-resources.ts';
import type { NewCondition } from '../../kube/controller/conditions.ts';
import type { Result } from '../../kube/controller/controller.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { definePool, growPool, listPools, pausePool, type DefineOutcome } from '../../ledger/pool/pools.ts';
import { parseMac, type MacRefusal } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { deletePool, type DeletePoolDeps } from './delete.ts';
import { publishReady } from './conditions.ts';

export type PoolDeps = DeletePoolDeps;

/**
 * Reconciles one MacPool: writes its definition into the ledger, which owns it, and sets its Ready condition. A new pool is
 * defined, a longer one grows, and a paused one is paused. Any other difference is a conflict, which people resolve.
 */
export async function reconcilePool(pool: MacPool, deps: PoolDeps): Promise<Result> {
  const { ledger, actor, client } = deps;
  const { deletionTimestamp, name } = pool.metadata;
  if (deletionTimestamp !== undefined) return await deletePool(pool, deps);
  const body = addFinalizer(pool, POOL_FINALIZER);
  // The watch event of this change enqueues the pool again.
  if (body.length > 0) {
    await client.patch(macPools, { name }, { type: 'json', body });
    return undefined;
  }
  const wanted = definitionOf(pool);
  if (typeof wanted === 'string') {
    await publishReady(pool, invalidDefinition(wanted), deps);
    return undefined;
  }
  let outcome: DefineOutcome;
  try {
    outcome = await definePool(ledger, wanted, actor);
    if (outcome === 'conflict') outcome = await growIfLonger(wanted, deps);
  } catch (error) {
    if (!isLedgerError(error) || error.code !== 'BAD_REQUEST') throw error;
    await publishReady(pool, invalidDefinition(error.message), deps);
    return undefined;
  }
  if (outcome === 'defined' || outcome === 'unchanged') {
    await pausePool(ledger, wanted.name, pool.spec.paused === true, actor);
  }
  await publishReady(pool, readyConditionOf(outcome, pool), deps);
  return undefined;
}

/**
 * Returns the definition of a pool, or a message that says why it has none. The API server checks the form of an address,
 * but not whether a device may own it.
 */
function definitionOf({ metadata: { name }, spec }: MacPool): PoolDefinition | string {
  const [first, last] = [parseMac(spec.first), parseMac(spec.last)];
  if (!first.ok) return unusableAddress('first', spec.first, first.why);
  if (!last.ok) return unusableAddress('last', spec.last, last.why);
  return {
    name,
    first: first.mac,
    last: last.mac,
    description: spec.description ?? '',
    autoReleaseSeconds: spec.autoReleaseAfter === undefined ? null : (parseDuration(spec.autoReleaseAfter) ?? null),
    reuseDelaySeconds: parseDuration(spec.reuseDelay ?? DEFAULT_REUSE_DELAY) ?? 0,
  };
}

function unusableAddress(field: string, text: string, why: MacRefusal): string {
  return `spec.${field} ${text} is a ${why} address, which no device may own. Choose another range in a new MacPool`;
}

/** Grows a pool whose definition differs from the ledger's only by a later end. Returns `conflict` for any other. */
async function growIfLonger(
  wanted: PoolDefinition,
  { ledger, actor }: Pick<OperatorDeps, 'ledger' | 'actor'>,
): Promise<DefineOutcome> {
  const held = (await listPools(ledger)).find(({ name }) => name === wanted.name);
  const isLonger =
    held !== undefined &&
    held.first === wanted.first &&
    held.last < wanted.last &&
    held.autoReleaseSeconds === wanted.autoReleaseSeconds &&
    held.reuseDelaySeconds === wanted.reuseDelaySeconds;
  if (!isLonger) return 'conflict';
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
      'The ledger has another definition of this pool, which other clusters use. Change spec to the definition that rock-mac stats shows',
  },
  overlaps: {
    reason: 'RangeOverlaps',
    message: 'The range from spec.first to spec.last overlaps another pool of the ledger. Choose another range',
  },
  outside_prefix: {
    reason: 'OutsidePrefix',
    message: "The range from spec.first to spec.last is outside the ledger's prefix. Choose another range",
  },
} as const;

function readyConditionOf(outcome: DefineOutcome, { spec }: MacPool): NewCondition {
  if (outcome !== 'defined' && outcome !== 'unchanged') return { type: 'Ready', status: 'False', ...REFUSALS[outcome] };
  return spec.paused === true
    ? {
        type: 'Ready',
        status: 'False',
        reason: 'Paused',
        message: 'The pool is paused. Set spec.paused to false to allocate from it',
      }
    : { type: 'Ready', status: 'True', reason: 'Defined', message: 'The ledger has this pool' };
}

/** No retry makes such a definition valid. Only a change of the spec does, and that enqueues the pool. */
function invalidDefinition(message: string): NewCondition {
  return { type: 'Ready', status: 'False', reason: 'InvalidDefinition', message };
}
