import type { MacPoolStatus } from '../../api/mac-pool.ts';
import { isConflict, isNotFound } from '../../kube/client/errors.ts';
import { poolStats, type PoolStats } from '../../ledger/pool/pool-stats.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { macPools, type MacPool } from '../../kube/client/mac-resources.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';

/**
 * Writes the ledger's counts into the status of every MacPool, where they changed. Counting reads every row of the
 * ledger once, so it is done for all pools together, by the clock.
 */
export async function publishCounts(
  pools: readonly MacPool[],
  { client, ledger }: Pick<OperatorDeps, 'client' | 'ledger'>,
): Promise<readonly PoolStats[]> {
  const stats = await poolStats(ledger);
  for (const pool of pools) {
    const counted = stats.find((each) => each.pool === pool.metadata.name);
    if (counted === undefined) continue;
    try {
      await writeStatus(macPools, pool, { ...pool.status, ...countsOf(counted) }, client);
    } catch (error) {
      // Deleted meanwhile, or changed: the next round counts again.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
  return stats;
}

function countsOf(stats: PoolStats): MacPoolStatus {
  const { capacity, active, pending, reserved, released, orphaned, free } = stats;
  return {
    capacity,
    active,
    pending,
    reserved,
    released,
    orphaned,
    free,
    utilisation: formatShare(capacity - free, capacity),
  };
}

/** The smallest share that is shown says that it is not nothing: two pods in 65,536 addresses are no `0%`. */
export function formatShare(held: number, capacity: number): string {
  const percent = (100 * held) / capacity;
  if (held > 0 && percent < 0.01) return '<0.01%';
  return `${String(Number(percent.toFixed(2)))}%`;
}
