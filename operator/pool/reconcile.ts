import type { PoolDefinition } from '../../api/default-pools.ts';
import { POOL_FINALIZER } from '../../api/names.ts';
import { readPoolDefinition } from '../../api/pool-definition.ts';
import { DEFAULT_STRATEGY, type PoolStrategy } from '../../api/pool-strategy.ts';
import { addFinalizer } from '../../kube/client/json-patch.ts';
import { type MacPool, macPools } from '../../kube/client/mac-resources.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import {
  type DefineOutcome,
  definePool,
  growPool,
  limitPool,
  listPools,
  pausePool,
  setPoolStrategy,
  type StrategyOutcome,
} from '../../ledger/pool/pools.ts';
import { livingCluster } from '../../ledger/state/clusters.ts';
import type { MacRefusal } from '../../mac/mac-address.ts';
import { rangesOverlap } from '../../mac/mac-range.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { compareDefinition } from './compare-definition.ts';
import { publishReady } from './conditions.ts';
import { deletePool, type DeletePoolDeps } from './delete.ts';
import { type PoolOutcome, readyCondition } from './ready-condition.ts';
import { reasonOf } from './reason.ts';

export type PoolDeps = DeletePoolDeps;

/** How soon a pool is compared again. No event reports what people and other clusters change in the ledger. */
const COMPARE_AGAIN_MS = 30_000;

/**
 * Reconciles one MacPool: writes its definition into the ledger, which owns it, and sets its Ready condition. A new pool is
 * defined, a longer one grows, one with a strategy gets it, and a paused one is paused. Any other difference is a conflict, which people resolve.
 */
export async function reconcilePool(pool: MacPool, deps: PoolDeps): Promise<ReconcileResult> {
  const { client } = deps;
  const { deletionTimestamp, name } = pool.metadata;
  if (deletionTimestamp !== undefined) return await deletePool(pool, deps);
  const body = addFinalizer(pool, POOL_FINALIZER);
  // The watch event of this change enqueues the pool again.
  if (body.length > 0) {
    await client.patch(macPools, { name }, { type: 'json', body });
    return undefined;
  }
  const { strategy, ...found } = await writeDefinition(pool, deps);
  await publishReady(pool, readyCondition(found, name), deps, strategy && { strategy });
  return { requeueAfterMs: COMPARE_AGAIN_MS };
}

/** With the strategy of the pool in the ledger, if that is known. */
type Written = PoolOutcome & { readonly strategy?: PoolStrategy | undefined };

async function writeDefinition(pool: MacPool, deps: PoolDeps): Promise<Written> {
  const { metadata, spec } = pool;
  const reason = reasonOf(pool);
  const read = readPoolDefinition(metadata.name, spec);
  if (!read.ok) return { outcome: 'invalid', message: unusableAddress(read.field, spec[read.field], read.why) };
  try {
    const outcome = await define(read.definition, reason, deps);
    if (outcome === 'overlaps') return { outcome, ...(await overlapped(read.definition, deps)) };
    if (outcome !== 'defined' && outcome !== 'unchanged') return { outcome };
    return await applyRest(pool, reason, deps);
  } catch (error) {
    if (!isLedgerError(error) || error.code !== 'BAD_REQUEST') throw error;
    return { outcome: 'invalid', message: error.message };
  }
}

/** Defines a sequential pool, or grows one whose definition differs from the ledger's only by a later end. */
async function define(wanted: PoolDefinition, reason: string, { ledger, actor }: PoolDeps): Promise<DefineOutcome> {
  const outcome = await definePool(ledger, { ...wanted, strategy: 'sequential' }, actor, reason);
  if (outcome !== 'conflict') return outcome;
  const held = (await listPools(ledger)).find(({ name }) => name === wanted.name);
  if (held === undefined || compareDefinition(wanted, held) !== 'longer') return 'conflict';
  const grown = await growPool(ledger, wanted.name, wanted.last, actor, reason);
  switch (grown) {
    case 'grown':
    case 'unchanged':
      return 'unchanged';
    case 'overlaps':
    case 'outside_prefix':
    case 'not_allowed':
      return grown;
    case 'would_shrink':
    case 'pool_not_found':
      return 'conflict';
  }
}

async function overlapped(wanted: PoolDefinition, { ledger }: Pick<OperatorDeps, 'ledger'>) {
  const pools = await listPools(ledger);
  const other = pools.find((pool) => pool.name !== wanted.name && rangesOverlap(pool, wanted));
  return other === undefined ? {} : { other };
}

/** Applies what the ledger does not compare: the strategy, the pause and the limit. It records whose MacPool asked for them. */
async function applyRest(pool: MacPool, reason: string, deps: PoolDeps): Promise<Written> {
  const { ledger, actor, clusterId } = deps;
  const { name } = pool.metadata;
  const { paused = false, strategy: asked, maxPerNamespace } = pool.spec;
  // Without a strategy, only what this cluster changed ends, as if its MacPool had never said so.
  const wanted = asked ?? DEFAULT_STRATEGY;
  const ordered = await setPoolStrategy(ledger, name, wanted, actor, clusterId, reason);
  const outcome = await pausePool(ledger, name, paused, actor, clusterId, reason);
  await limitPool(ledger, { clusterId, pool: name }, maxPerNamespace, { actor, reason });
  const strategy = strategyAfter(wanted, ordered);
  if (outcome === 'not_allowed' || ordered === 'not_allowed') return { outcome: 'not_allowed', strategy };
  if (outcome === 'paused_elsewhere') {
    return { outcome: 'paused', by: 'others', cluster: await clusterOf('pausedBy', name, deps), strategy };
  }
  if (paused) return { outcome: 'paused', by: 'spec', strategy };
  if (ordered !== 'random_elsewhere' || asked === undefined) return { outcome: 'defined', strategy };
  return { outcome: 'random_elsewhere', cluster: await clusterOf('randomBy', name, deps), strategy };
}

function strategyAfter(wanted: PoolStrategy, outcome: StrategyOutcome): PoolStrategy | undefined {
  if (outcome === 'random_elsewhere') return 'random';
  return outcome === 'changed' || outcome === 'unchanged' ? wanted : undefined;
}

/** Returns the name of the cluster whose MacPool changed a pool. Nobody can change a MacPool of a retired one, so a person decides. */
async function clusterOf(
  change: 'pausedBy' | 'randomBy',
  name: string,
  { ledger }: Pick<OperatorDeps, 'ledger'>,
): Promise<string | undefined> {
  const pool = (await listPools(ledger)).find((each) => each.name === name);
  return (await livingCluster(ledger, pool?.[change]))?.name;
}

function unusableAddress(field: 'first' | 'last', text: string, why: MacRefusal): string {
  return `spec.${field} ${text} is a ${why} address, which no device may own. Choose another range in a new MacPool`;
}
