import { POOL_FINALIZER } from '../../api/names.ts';
import { readPoolDefinition } from '../../api/pool-definition.ts';
import { removeFinalizer } from '../../kube/client/json-patch.ts';
import { type MacPool, macPools } from '../../kube/client/mac-resources.ts';
import type { NewCondition } from '../../kube/controller/conditions.ts';
import type { ReconcileResult } from '../../kube/controller/controller.ts';
import { type PoolStats, poolStats } from '../../ledger/pool/pool-stats.ts';
import { listPools, pausePool, removePool } from '../../ledger/pool/pools.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { compareDefinition } from './compare-definition.ts';
import { publishReady } from './conditions.ts';
import { reasonOf } from './reason.ts';

export type DeletePoolDeps = Pick<
  OperatorDeps,
  'client' | 'clusterId' | 'ledger' | 'actor' | 'events' | 'logger' | 'now'
>;

/** How soon a blocked deletion is checked again. Releases in other clusters cause no event here. */
const BLOCKED_RETRY_MS = 5_000;

/**
 * Completes the deletion of a MacPool. Waits while an address of the pool is held, in this cluster or another. The ledger then
 * removes a pool that was never used, and keeps a used one paused. It is paused before if only stock is left, which webhooks then
 * return. A MacPool that differs from the ledger's pool only loses its finalizer: that pool is another one, which others use.
 */
export async function deletePool(pool: MacPool, deps: DeletePoolDeps): Promise<ReconcileResult> {
  const { ledger, actor, client, clusterId, logger } = deps;
  const { name } = pool.metadata;
  const body = removeFinalizer(pool, POOL_FINALIZER);
  if (body.length === 0) return undefined;
  const stats = (await poolStats(ledger)).find((each) => each.pool === name);
  if (stats !== undefined && (await isDefinedInLedger(pool, deps))) {
    const outcome = await removePool(ledger, name, actor, clusterId, reasonOf(pool));
    if (outcome === 'in_use') {
      const isOnlyStock = stats.active + stats.pending + stats.reserved + stats.orphaned === 0;
      if (isOnlyStock) await pausePool(ledger, name, true, actor, clusterId, reasonOf(pool));
      await publishReady(pool, deletionBlocked(stats), deps);
      return { requeueAfterMs: BLOCKED_RETRY_MS };
    }
    logger.info({ pool: name, outcome }, 'pool deleted');
  }
  await client.patch(macPools, { name }, { type: 'json', body });
  return undefined;
}

async function isDefinedInLedger({ metadata, spec }: MacPool, { ledger }: Pick<DeletePoolDeps, 'ledger'>) {
  const read = readPoolDefinition(metadata.name, spec);
  const held = (await listPools(ledger)).find(({ name }) => name === metadata.name);
  return read.ok && held !== undefined && compareDefinition(read.definition, held) === 'same';
}

function deletionBlocked({ pool, active, pending, stocked, reserved, orphaned }: PoolStats): NewCondition {
  const held = active + pending + stocked + reserved + orphaned;
  const parts = `${active} active, ${pending} pending, ${stocked} stocked, ${reserved} reserved, ${orphaned} orphaned`;
  const message = `The deletion waits for ${held} held addresses (${parts}). Find them with rock-mac list --pool ${pool} and release them`;
  return { type: 'Ready', status: 'False', reason: 'DeletionBlocked', message };
}
