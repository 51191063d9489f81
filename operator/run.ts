import type { Logger } from 'pino';
import { GROUP, LEDGER_HEAD_CONFIG_MAP, OPERATOR_LEASE } from '../api/names.ts';
import { createKubeClient, type KubeClient } from '../kube/client/client.ts';
import { readClusterId } from '../kube/client/cluster-id.ts';
import { createEventRecorder } from '../kube/controller/events.ts';
import { runLeaderElection } from '../kube/controller/leader-election.ts';
import { startHealthServer } from '../kube/server/health-server.ts';
import { startMetricsServer } from '../kube/server/metrics-server.ts';
import { systemClock } from '../kube/time/clock.ts';
import { retryForever } from '../kube/time/retry-forever.ts';
import { createAllocator } from '../ledger/address/allocator.ts';
import type { LedgerClient } from '../ledger/connection/connect.ts';
import { openServiceLedger } from '../ledger/connection/service-ledger.ts';
import type { Service } from '../process/run-process.ts';
import type { OperatorConfig } from './config.ts';
import type { OperatorDeps } from './dependencies.ts';
import { runLeader } from './leader-run.ts';
import { createLedgerHeadStore } from './ledger-state/ledger-head-store.ts';
import { instrumentLedger } from './metrics/instrumented-ledger.ts';
import { createOperatorMetrics, type OperatorMetrics } from './metrics/operator-metrics.ts';
import { readInstalledPools } from './pool/installed-pools.ts';
import { createReadApiMetrics } from './read-api/metrics.ts';
import { startReadApi } from './read-api/run.ts';
import { waitForInitialSync } from './resync/initial-sync.ts';
import { workloadKinds } from './workload/controller.ts';

/** The ledger requires a lease for every allocation. Claims become active at once, so their lease is never used. */
const LEASE_SECONDS = 120;

/** What a starting operator waits for, as `/readyz` reports it. The cluster may not allocate before the initial sync. */
const CLUSTER = 'the cluster';
const INITIAL_SYNC = 'the initial sync of the cluster with the ledger';

export interface OperatorService extends Service {
  readonly healthPort: number;
}

/** Starts the operator as a candidate that works while it leads. Resolves when it takes part in the election. */
export async function runOperator(config: OperatorConfig, logger: Logger): Promise<OperatorService> {
  const stopping = new AbortController();
  const retry = { logger, clock: systemClock, signal: stopping.signal };
  const installedPools = await readInstalledPools(config.ROCK_MAC_POOLS_FILE);
  const metrics = createOperatorMetrics();
  const readApiMetrics = createReadApiMetrics(metrics.registry);
  const connections = openOperatorLedger(config, logger);
  const ledger = instrumentLedger(connections, metrics);
  const waitingFor = new Set([CLUSTER, INITIAL_SYNC]);
  const health = await startHealthServer({
    host: config.ROCK_MAC_HEALTH_HOST,
    port: config.ROCK_MAC_HEALTH_PORT,
    live: () => true,
    notReady: () => [...waitingFor, ...connections.notReadyReasons()],
    logger,
  });
  const client = createKubeClient({
    userAgent: 'rock-mac-operator',
    kubeconfig: config.KUBECONFIG,
    logger,
    metrics: metrics.client,
  });
  const metricsServer = await startMetricsServer({
    host: config.ROCK_MAC_HEALTH_HOST,
    port: config.ROCK_MAC_METRICS_PORT,
    client,
    clock: systemClock,
    logger,
    registry: metrics.registry,
  });
  const clusterId = await retryForever('read the uid of kube-system', () => readClusterId(client), retry);
  waitingFor.delete(CLUSTER);
  const deps = createDeps(config, { client, ledger, clusterId, metrics, logger });
  const whenReady = waitForInitialSync(deps.ledgerHeads, retry).then((isDone) => {
    if (isDone) waitingFor.delete(INITIAL_SYNC);
  });
  const readApi = startReadApi({ config, client, metrics: readApiMetrics, logger, whenReady });
  const prefix = config.ROCK_MAC_PREFIX;
  const clusterName = config.ROCK_MAC_CLUSTER_NAME;
  const election = startElection(config, deps, (signal) =>
    runLeader({ deps, clusterName, installedPools, prefix, signal }),
  );
  logger.info(
    { healthPort: health.port, clusterId, identity: config.ROCK_MAC_IDENTITY },
    'the operator takes part in the leader election',
  );
  return {
    healthPort: health.port,
    stop: async () => {
      stopping.abort();
      await Promise.all([election.stop(), readApi.stop(), whenReady]);
      await deps.events.stop();
      await deps.allocator.close();
      await ledger.close();
      await metricsServer.close();
      await client.close();
      await health.close();
    },
  };
}

function openOperatorLedger(config: OperatorConfig, logger: Logger) {
  return openServiceLedger({
    url: config.ROCK_MAC_LEDGER_URL,
    passwordFile: config.ROCK_MAC_LEDGER_PASSWORD_FILE,
    applicationName: 'rock-mac-operator',
    max: 5,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
    logger,
  });
}

function createDeps(
  config: OperatorConfig,
  shared: {
    readonly client: KubeClient;
    readonly ledger: LedgerClient;
    readonly clusterId: string;
    readonly metrics: OperatorMetrics;
    readonly logger: Logger;
  },
): OperatorDeps {
  const { client, ledger, metrics, logger } = shared;
  return {
    ...shared,
    allocator: createAllocator({ db: ledger, leaseSeconds: LEASE_SECONDS }),
    ledgerHeads: createLedgerHeadStore({
      client,
      namespace: config.ROCK_MAC_NAMESPACE,
      name: LEDGER_HEAD_CONFIG_MAP,
      logger,
    }),
    kinds: workloadKinds(config.ROCK_MAC_PREFIX),
    actor: 'rock-mac-operator',
    events: createEventRecorder({
      client,
      controller: `${GROUP}/operator`,
      instance: config.ROCK_MAC_IDENTITY,
      logger,
      metrics: metrics.events,
    }),
    resyncEveryMs: config.ROCK_MAC_RESYNC_SECONDS * 1_000,
    now: () => new Date(),
  };
}

/** Takes part in the election. The periods have the proportions of Kubernetes' own components: 15, 10 and 2 seconds. */
function startElection(
  config: OperatorConfig,
  { client, logger, metrics }: Pick<OperatorDeps, 'client' | 'logger' | 'metrics'>,
  onStarted: (signal: AbortSignal) => Promise<void>,
) {
  const leaseDurationMs = config.ROCK_MAC_LEADER_LEASE_SECONDS * 1_000;
  return runLeaderElection({
    client,
    namespace: config.ROCK_MAC_NAMESPACE,
    name: OPERATOR_LEASE,
    identity: config.ROCK_MAC_IDENTITY,
    leaseDurationMs,
    renewDeadlineMs: (leaseDurationMs * 2) / 3,
    retryPeriodMs: (leaseDurationMs * 2) / 15,
    onStarted,
    logger,
    metrics: metrics.leader,
  });
}
