import { listClusters, markAdopted, registerCluster } from '../../ledger/state/clusters.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { type ReportAddressesDeps, reportAddressesInUse } from './report-addresses-in-use.ts';

/**
 * Records every address in use under our prefix before the cluster may allocate, so none of them is allocated twice. Runs
 * once per cluster, because the ledger stores that it was done. An address that another cluster holds already is a
 * duplicate older than the installation. It is reported, and people resolve it.
 */
export async function runInitialSync(
  name: string,
  deps: ReportAddressesDeps & Pick<OperatorDeps, 'readPrefixes'>,
): Promise<void> {
  const { ledger, clusterId, actor, logger } = deps;
  const registered = await registerCluster(ledger, { clusterId, name }, actor);
  if (registered === 'not_bound')
    throw new Error(
      `the ledger knows this cluster (${clusterId}), but not this database login. The administrator of the ledger runs: rock-mac cluster bind LOGIN ${clusterId}`,
    );
  const known = (await listClusters(ledger)).find((cluster) => cluster.clusterId === clusterId);
  if (known?.adoptedAt !== undefined) return;

  // A prefix that was added before the registration does not wait for this cluster to look. A later one waits for its resync.
  await deps.readPrefixes();
  const { epoch } = await ledgerState(ledger);
  const addresses = await reportAddressesInUse('initial-sync', deps);
  const outcome = await markAdopted(ledger, { clusterId, epoch }, actor);
  if (outcome === 'wrong_epoch')
    throw new Error('the ledger was recovered during the initial sync and may have lost the recorded addresses');
  logger.info({ clusterId, addresses }, 'initial sync done, the cluster may allocate');
}
