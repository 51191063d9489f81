import type { Logger } from 'pino';
import type { Clock } from '../../kube/time/clock.ts';
import { sleep } from '../../kube/time/sleep.ts';
import { listClusters, markAdopted, registerCluster } from '../../ledger/state/clusters.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import type { LedgerHeadStore } from '../ledger-state/ledger-head-store.ts';
import { reportAddressesInUse, type ReportAddressesDeps } from './report-addresses-in-use.ts';

/**
 * Records every address in use under our prefix before the cluster may allocate, so none of them is allocated twice. Runs
 * once per cluster, because the ledger stores that it was done. An address that another cluster holds already is a
 * duplicate older than the installation. It is reported, and people resolve it.
 */
export async function runInitialSync(name: string, deps: ReportAddressesDeps): Promise<void> {
  const { ledger, clusterId, actor, logger } = deps;
  await registerCluster(ledger, { clusterId, name }, actor);
  const known = (await listClusters(ledger)).find((cluster) => cluster.clusterId === clusterId);
  if (known?.adoptedAt !== undefined) return;

  const { epoch } = await ledgerState(ledger);
  const addresses = await reportAddressesInUse('in use before the installation', deps);
  const outcome = await markAdopted(ledger, { clusterId, epoch }, actor);
  if (outcome === 'wrong_epoch')
    throw new Error('the ledger was recovered during the initial sync and may have lost the recorded addresses');
  logger.info({ clusterId, addresses }, 'initial sync done, the cluster may allocate');
}

/** Interval between checks whether the initial sync was done. */
const POLL_MS = 500;

/**
 * Resolves to `true` once any operator of this cluster has done the initial sync, and to `false` if the signal fires first.
 * Reads only the stored ledger head in the API server. So an unavailable ledger keeps an operator from becoming ready only
 * before the first sync of all.
 */
export async function waitForInitialSync(
  ledgerHeads: Pick<LedgerHeadStore, 'read'>,
  { logger, clock, signal }: { readonly logger: Logger; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<boolean> {
  while (!signal.aborted) {
    try {
      if ((await ledgerHeads.read()) !== undefined) return true;
    } catch (error) {
      logger.debug({ err: error }, 'cannot read whether the initial sync was done');
    }
    await sleep(POLL_MS, clock, signal);
  }
  return false;
}
