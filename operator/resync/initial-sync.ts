import type { Logger } from 'pino';
import type { Clock } from '../../kube/time/clock.ts';
import { sleep } from '../../kube/time/sleep.ts';
import { listClusters, markAdopted, registerCluster } from '../../ledger/state/clusters.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { reportAddressesInUse } from './report-addresses-in-use.ts';
import type { OperatorDeps } from '../dependencies.ts';
import type { LedgerHeadStore } from '../ledger-state/ledger-head-store.ts';

/**
 * Before a cluster may allocate, every address under our prefix that its live objects carry is written into the ledger,
 * so that none of them is given to somebody else. Done once: the ledger remembers it. What another cluster holds already
 * is a duplicate that is older than the installation; it is reported and left to people.
 */
export async function runInitialSync(name: string, context: OperatorDeps): Promise<void> {
  const { ledger, clusterId, actor, logger } = context;
  await registerCluster(ledger, { clusterId, name }, actor);
  const known = (await listClusters(ledger)).find((cluster) => cluster.clusterId === clusterId);
  if (known?.adoptedAt !== undefined) return;

  const { epoch } = await ledgerState(ledger);
  const addresses = await reportAddressesInUse('in use before the installation', context);
  const outcome = await markAdopted(ledger, { clusterId, epoch }, actor);
  if (outcome === 'wrong_epoch') throw new Error('the ledger was recovered meanwhile and may have forgotten them');
  logger.info({ clusterId, addresses }, 'recorded the addresses in use; the cluster may allocate');
}

/** Between two looks whether initial sync was made. */
const POLL_MS = 500;

/**
 * Resolves to whether this cluster has made initial sync, by whichever operator; `false` when the signal fires before.
 * What is remembered of the ledger tells, so that it asks the API server alone: a ledger that is away keeps no operator
 * from getting ready but the first one of all.
 */
export async function isInitialSyncDone(
  memory: Pick<LedgerHeadStore, 'recall'>,
  { logger, clock, signal }: { readonly logger: Logger; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<boolean> {
  while (!signal.aborted) {
    try {
      if ((await memory.recall()) !== undefined) return true;
    } catch (error) {
      logger.debug({ err: error }, 'cannot see whether initial sync was made');
    }
    await sleep(POLL_MS, clock, signal);
  }
  return false;
}
