import { formatDuration } from '../../api/duration.ts';
import type { MacPoolSpec } from '../../api/mac-pool.ts';
import { POOL_FINALIZER } from '../../api/names.ts';
import { isAlreadyExists } from '../../kube/client/errors.ts';
import { macPools } from '../../kube/client/mac-resources.ts';
import { listPools, type Pool } from '../../ledger/pool/pools.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';

/**
 * Creates a MacPool for every pool of the ledger. The seven default pools come with the ledger, so this also creates them
 * in a new cluster. Leaves existing objects to `reconcilePool`.
 */
export async function registerPools({
  client,
  ledger,
  logger,
}: Pick<OperatorDeps, 'client' | 'ledger' | 'logger'>): Promise<void> {
  for (const pool of await listPools(ledger)) {
    try {
      await client.create(macPools, {
        metadata: { name: pool.name, finalizers: [POOL_FINALIZER] },
        spec: specOf(pool),
      });
      logger.info({ pool: pool.name }, 'MacPool created for a pool of the ledger');
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
    }
  }
}

/** Leaves out whether the pool is paused or random: who made it so in the ledger decides there when that ends, and the MacPool follows. */
function specOf(pool: Pool): MacPoolSpec {
  const { first, last, description, autoReleaseSeconds, reuseDelaySeconds } = pool;
  return {
    first,
    last,
    ...(description !== '' && { description }),
    ...(autoReleaseSeconds !== null && { autoReleaseAfter: formatDuration(autoReleaseSeconds) }),
    reuseDelay: formatDuration(reuseDelaySeconds),
  };
}
