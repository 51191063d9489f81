import type { PoolDefinition } from '../../api/default-pools.ts';
import { POOL_FINALIZER } from '../../api/names.ts';
import { readPoolDefinition } from '../../api/pool-definition.ts';
import { addFinalizer } from '../../kube/client/json-patch.ts';
import { type MacPool, macPools } from '../../kube/client/mac-resources.ts';
import type { NewCondition } from '../../kube/controller/conditions.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { type DefineOutcome, definePool, growPool, limitPool, listPools, pausePool } from '../../ledger/pool/pools.ts';
import type { MacRefusal } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { publishReady } from './conditions.ts';
import { deletePool, type DeletePoolDeps } from './delete.ts';

export type PoolDeps = DeletePoolDeps & Pick<OperatorDeps, 'clusterId'>;

/**
 * Reconciles one MacPool: writes its definition into the ledger, which owns it, and sets its Ready condition. A new pool is
 * defined, a longer one grows, and a paused one is paused. Any other difference is a conflict, which people resolve.
 */
export async function reconcilePool(pool: MacPool, deps: PoolDeps): Promise<ReconcileResult> {
  const { ledger, actor, client, clusterId } = deps;
  const { deletionTimestamp, name } = pool.metadata;
  if (deletionTimestamp !== undefined) return await deletePool(pool, deps);
  const body = addFinalizer(pool, POOL_FINALIZER);
  // The watch event of this change enqueues the pool again.
  if (body.length > 0) {
    await client.patch(macPools, { name }, { type: 'json', body });
    return undefined;
  }
  const read = readPoolDefinition(name, pool.spec);
  if (!read.ok) {
    await publishReady(pool, invalidDefinition(unusableAddress(read.field, pool.spec[read.field], read.why)), deps);
    return undefined;
  }
  const wanted = read.definition;
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
    const paused = await pausePool(ledger, wanted.name, pool.spec.paused === true, actor);
    if (paused === 'not_allowed') outcome = paused;
    await limitPool(ledger, { clusterId, pool: wanted.name }, pool.spec.maxPerNamespace);
  }
  await publishReady(pool, readyConditionOf(outcome, pool), deps);
  return undefined;
}

function unusableAddress(field: 'first' | 'last', text: string, why: MacRefusal): string {
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
    case 'not_allowed':
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
  not_allowed: {
    reason: 'NotAllowed',
    message:
      'The database login of this cluster may not change this pool, which other clusters use. Undo the change, or ask the administrator of the ledger to make it',
  },
  outside_prefix: {
    reason: 'OutsidePrefix',
    message:
      'The range from spec.first to spec.last is under no prefix of the ledger. Choose another range, or let an admin of the ledger add the prefix with `rock-mac prefix add`',
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
