import type { Logger } from 'pino';
import { GROUP, LEDGER_HEAD_CONFIG_MAP, OPERATOR_LEASE } from '../api/names.ts';
import { createKubeClient } from '../kube/client/client.ts';
import { systemClock } from '../kube/time/clock.ts';
import { readClusterId } from '../kube/client/cluster-id.ts';
import { createEventRecorder } from '../kube/controller/events.ts';
import { startHealthServer } from '../kube/server/health-server.ts';
import { runLeaderElection } from '../kube/controller/leader-election.ts';
import { startMetricsServer } from '../kube/server/metrics-server.ts';
import { retryForever } from '../kube/time/retry-forever.ts';
import type { Service } from '../process/run-process.ts';
import { createAllocator } from '../ledger/address/allocator.ts';
import { openServiceLedger } from '../ledger/connection/service-ledger.ts';
import { workloadKinds } from './workload/kinds.ts';
import type { OperatorConfig } from './config.ts';
import { isInitialSyncDone } from './resync/initial-sync.ts';
import { readInstalledPools } from './pool/installed-pools.ts';
import { runLeader } from './leader-run.ts';
import { createLedgerHeadStore } from './ledger-state/ledger-head-store.ts';
import { instrumentLedger } from './metrics/instrumented-ledger.ts';
import { createOperatorMetrics } from './metrics/operator-metrics.ts';
import { createReadApiMetrics } from './read-api/metrics.ts';
import { startReadApi } from './read-api/run.ts';

/** Claims are allocated as active at once, so that this period is only a bound that the ledger asks for. */
const LEASE_SECONDS = 120;

/** What an operator waits for last, before it is ready: until then the cluster may not allocate. */
const INITIAL_SYNC = 'the initial sync of the cluster with the ledger';

export interface OperatorService extends Service {
  readonly healthPort: number;
}

/** Starts the operator: a candidate that works while it leads. Resolves when it stands for election. */
export async function runOperator(config: OperatorConfig, logger: Logger): Promise<OperatorService> {
  const stopping = new AbortController();
  const installedPools = await readInstalledPools(config.ROCK_MAC_POOLS_FILE);
  const metrics = createOperatorMetrics();
  const readApiMetrics = createReadApiMetrics(metrics.registry);
  const connections = openServiceLedger({
    url: config.ROCK_MAC_LEDGER_URL,
    passwordFile: config.ROCK_MAC_LEDGER_PASSWORD_FILE,
    applicationName: 'rock-mac-operator',
    max: 5,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
    logger,
  });
  const ledger = instrumentLedger(connections, metrics);
  const waitingFor = new Set(['the cluster', INITIAL_SYNC]);
  const health = await startHealthServer({
    host: config.ROCK_MAC_HEALTH_HOST,
    port: config.ROCK_MAC_HEALTH_PORT,
    live: () => true,
    notReady: () => [...waitingFor, ...connections.waitsFor()],
    logger,
  });
  const client = createKubeClient({
    userAgent: 'rock-mac-operator',
    kubeconfig: config.KUBECONFIG,
    logger,
    metrics: metrics.client,
  });
  const scraped = await startMetricsServer({
    host: config.ROCK_MAC_HEALTH_HOST,
    port: config.ROCK_MAC_METRICS_PORT,
    client,
    clock: systemClock,
    logger,
    registry: metrics.registry,
  });
  const allocator = createAllocator({ db: ledger, leaseSeconds: LEASE_SECONDS });
  const clusterId = await retryForever('read the uid of kube-system', () => readClusterId(client), {
    logger,
    clock: systemClock,
    signal: stopping.signal,
  });
  waitingFor.delete('the cluster');
  const ledgerHeads = createLedgerHeadStore({
    client,
    namespace: config.ROCK_MAC_NAMESPACE,
    name: LEDGER_HEAD_CONFIG_MAP,
    logger,
  });
  const events = createEventRecorder({
    client,
    controller: `${GROUP}/operator`,
    instance: config.ROCK_MAC_IDENTITY,
    logger,
    metrics: metrics.events,
  });
  const context = {
    client,
    ledger,
    allocator,
    ledgerHeads,
    clusterId,
    kinds: workloadKinds(config.ROCK_MAC_PREFIX),
    actor: 'rock-mac-operator',
    events,
    metrics,
    resyncEveryMs: config.ROCK_MAC_RESYNC_SECONDS * 1_000,
    logger,
    now: () => new Date(),
  };
  const whenReady = isInitialSyncDone(ledgerHeads, { logger, clock: systemClock, signal: stopping.signal }).then(
    (made) => {
      if (made) waitingFor.delete(INITIAL_SYNC);
    },
  );
  const readApi = startReadApi({ config, client, metrics: readApiMetrics, logger, whenReady });
  const election = runLeaderElection({
    client,
    namespace: config.ROCK_MAC_NAMESPACE,
    name: OPERATOR_LEASE,
    identity: config.ROCK_MAC_IDENTITY,
    ...leasePeriods(config.ROCK_MAC_LEADER_LEASE_SECONDS * 1_000),
    onStarted: (signal) =>
      runLeader({
        context,
        clusterName: config.ROCK_MAC_CLUSTER_NAME,
        installedPools,
        prefix: config.ROCK_MAC_PREFIX,
        signal,
      }),
    logger,
    metrics: metrics.leader,
  });
  logger.info(
    { healthPort: health.port, clusterId, identity: config.ROCK_MAC_IDENTITY },
    'the operator stands for election',
  );
  return {
    healthPort: health.port,
    stop: async () => {
      stopping.abort();
      await Promise.all([election.stop(), readApi.stop(), whenReady]);
      await events.stop();
      await allocator.close();
      await ledger.close();
      await scraped.close();
      await client.close();
      await health.close();
    },
  };
}

/** The proportions of the defaults of Kubernetes' own components: 15, 10 and 2 seconds. */
function leasePeriods(leaseDurationMs: number) {
  return { leaseDurationMs, renewDeadlineMs: (leaseDurationMs * 2) / 3, retryPeriodMs: (leaseDurationMs * 2) / 15 };
}
