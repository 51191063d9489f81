import { poolCountsOf } from '../../api/mac-pool.ts';
import { isConflict, isNotFound } from '../../kube/client/errors.ts';
import { type MacPool, macPools } from '../../kube/client/mac-resources.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import { type PoolStats, poolStats } from '../../ledger/pool/pool-stats.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';

/**
 * Writes the ledger's changed counts and strategies into the status of every MacPool, and returns all counts. Counting reads every row of
 * the ledger, so it runs at an interval for all pools together.
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
      const { capacity, free, strategy } = counted;
      const counts = { ...poolCountsOf(counted), strategy, utilisation: formatShare(capacity - free, capacity) };
      await writeStatus(macPools, pool, { ...pool.status, ...counts }, client);
    } catch (error) {
      // Deleted or changed meanwhile: the next round writes the counts.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  }
  return stats;
}

/** Formats a share in percent. A tiny share is `<0.01%`, because `0%` would mean that no address is held. */
export function formatShare(held: number, capacity: number): string {
  const percent = (100 * held) / capacity;
  if (held > 0 && percent < 0.01) return '<0.01%';
  return `${String(Number(percent.toFixed(2)))}%`;
}
