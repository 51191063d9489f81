import { listClusters, markAdopted, registerCluster } from '../ledger/clusters.ts';
import { ledgerState } from '../ledger/state.ts';
import { assertLive } from './assert-live.ts';
import type { OperatorContext } from './context.ts';

/**
 * Before a cluster may allocate, every address under our prefix that its live objects carry is written into the ledger,
 * so that none of them is given to somebody else. Done once: the ledger remembers it. What another cluster holds already
 * is a duplicate that is older than the installation; it is reported and left to people.
 */
export async function makeFirstContact(name: string, context: OperatorContext): Promise<void> {
  const { ledger, clusterId, actor, logger } = context;
  await registerCluster(ledger, { clusterId, name }, actor);
  const known = (await listClusters(ledger)).find((cluster) => cluster.clusterId === clusterId);
  if (known?.adoptedAt !== undefined) return;

  const { incarnation } = await ledgerState(ledger);
  const addresses = await assertLive('in use before the installation', context);
  const outcome = await markAdopted(ledger, { clusterId, incarnation }, actor);
  if (outcome === 'wrong_incarnation')
    throw new Error('the ledger was recovered meanwhile and may have forgotten them');
  logger.info({ clusterId, addresses }, 'recorded the addresses in use; the cluster may allocate');
}
