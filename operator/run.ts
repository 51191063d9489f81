import type { Logger } from 'pino';
import { ledgerSource } from '../api/environment.ts';
import { GROUP, LEDGER_HEAD_CONFIG_MAP, OPERATOR_LEASE } from '../api/names.ts';
import { createKubeClient, type KubeClient } from '../kube/client/client.ts';
import { readClusterId } from '../kube/client/cluster-id.ts';
import { createEventRecorder } from '../kube/controller/events.ts';
import { runLeaderElection } from '../kube/controller/leader-election.ts';
import { startManagementServers } from '../kube/server/management-servers.ts';
import { createAllocator } from '../ledger/address/allocator.ts';
import { createGroupedCalls } from '../ledger/address/grouped-calls.ts';
import type { LedgerClient } from '../ledger/connection/connect.ts';
import { openServiceLedger } from '../ledger/connection/service-ledger.ts';
import { keepReportingClock } from '../ledger/state/clock.ts';
import { underAny } from '../mac/mac-range.ts';
import type { Stoppable } from '../process/run-process.ts';
import { systemClock } from '../time/clock.ts';
import { retryForever } from '../time/retry-forever.ts';
import type { OperatorConfig } from './config.ts';
import type { OperatorDeps } from './controller/dependencies.ts';
import { createKnownPrefixes } from './controller/known-prefixes.ts';
import { readExports } from './export/exports.ts';
import { runLeader } from './leader-run.ts';
import { createLedgerHeadStore } from './ledger-state/ledger-head-store.ts';
import { waitForInitialSync } from './ledger-state/wait-for-initial-sync.ts';
import { workloadKinds } from './live/workload-kinds.ts';
import { createOperatorMetrics, type OperatorMetrics } from './metrics/operator-metrics.ts';
import { readInstalledPools } from './pool/installed-pools.ts';
import { createReadApiMetrics } from './read-api/metrics.ts';
import { type ReadApiOptions, startReadApi } from './read-api/run.ts';
import { createStockTokens } from './stock/stock-tokens.ts';

/** The actor in the audit log for what the operator does on its own. */
const ACTOR = 'rock-mac-operator';

/** The ledger requires a lease for every allocation. Claims become active at once, so their lease is never used. */
const LEASE_SECONDS = 120;

/** What a starting operator waits for, as `/readyz` reports it. The cluster may not allocate before the initial sync. */
const CLUSTER = 'the cluster';
const INITIAL_SYNC = 'the initial sync of the cluster with the ledger';

export interface OperatorService extends Stoppable {
  readonly healthPort: number;
}

/** Starts the operator as a candidate that works while it leads. Resolves when it takes part in the election. */
export async function runOperator(config: OperatorConfig, logger: Logger): Promise<OperatorService> {
  const stopping = new AbortController();
  const retry = { logger, clock: systemClock, signal: stopping.signal };
  const installedPools = await readInstalledPools(config.ROCK_MAC_POOLS_FILE);
  const exports = await readExports(config.ROCK_MAC_EXPORTS_FILE);
  const metrics = createOperatorMetrics();
  const readApiMetrics = createReadApiMetrics(metrics.registry);
  const connections = openOperatorLedger(config, logger);
  const ledger = metrics.measureLedger(connections);
  const waitingFor = new Set([CLUSTER, INITIAL_SYNC]);
  const client = createKubeClient({
    userAgent: 'rock-mac-operator',
    kubeconfig: config.KUBECONFIG,
    logger,
    metrics: metrics.client,
  });
  const management = await startManagementServers({
    host: config.ROCK_MAC_HEALTH_HOST,
    healthPort: config.ROCK_MAC_HEALTH_PORT,
    metricsPort: config.ROCK_MAC_METRICS_PORT,
    metricsAudience: config.ROCK_MAC_METRICS_AUDIENCE,
    notReady: () => [...waitingFor, ...connections.notReadyReasons()],
    registry: metrics.registry,
    client,
    logger,
  });
  const kubeSystemUid = await retryForever('read the uid of kube-system', () => readClusterId(client), retry);
  const clusterId = config.ROCK_MAC_CLUSTER_ID ?? kubeSystemUid;
  waitingFor.delete(CLUSTER);
  const deps = createDeps(config, { client, ledger, clusterId, kubeSystemUid, metrics, logger });
  const ledgerHeads = createLedgerHeadStore({
    client,
    namespace: config.ROCK_MAC_NAMESPACE,
    name: LEDGER_HEAD_CONFIG_MAP,
    logger,
  });
  const whenReady = waitForInitialSync(ledgerHeads, retry).then((isDone) => {
    if (isDone) waitingFor.delete(INITIAL_SYNC);
  });
  const readApi = startReadApi({ ...readApiOptions(config), client, metrics: readApiMetrics, logger, whenReady });
  const identity = config.ROCK_MAC_IDENTITY;
  const caller = { clusterId, name: `operator/${identity}` };
  const clockReported = keepReportingClock(ledger, caller, { logger, signal: stopping.signal });
  const clusterName = config.ROCK_MAC_CLUSTER_NAME;
  const election = startElection(config, deps, (signal) =>
    runLeader({ deps, ledgerHeads, clusterName, installedPools, exports, signal }),
  );
  const { healthPort } = management;
  logger.info({ healthPort, clusterId, identity }, 'the operator takes part in the leader election');
  return {
    healthPort,
    stop: async () => {
      stopping.abort();
      await Promise.all([election.stop(), readApi.stop(), whenReady, clockReported]);
      await deps.events.stop();
      await deps.allocator.close();
      await ledger.close();
      await management.close();
      await client.close();
    },
  };
}

function openOperatorLedger(config: OperatorConfig, logger: Logger) {
  return openServiceLedger({
    ...ledgerSource(config),
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
    readonly kubeSystemUid: string;
    readonly metrics: OperatorMetrics;
    readonly logger: Logger;
  },
): OperatorDeps {
  const { client, ledger, metrics, logger } = shared;
  const knownPrefixes = createKnownPrefixes(ledger);
  return {
    ...shared,
    allocator: createAllocator({ db: ledger, leaseSeconds: LEASE_SECONDS }),
    groupedCalls: createGroupedCalls(ledger, { clusterId: shared.clusterId, actor: ACTOR }),
    ...knownPrefixes,
    observe: config.ROCK_MAC_OBSERVE,
    systemNamespace: config.ROCK_MAC_NAMESPACE,
    kinds: workloadKinds((mac) => config.ROCK_MAC_PRIMARY_CNI !== 'none' || underAny(mac, knownPrefixes.prefixes())),
    workloadPool: config.ROCK_MAC_WORKLOAD_POOL,
    modes: { pods: config.ROCK_MAC_PODS_MODE, virtualMachines: config.ROCK_MAC_VIRTUAL_MACHINES_MODE },
    stockTokens: createStockTokens({ client, namespace: config.ROCK_MAC_NAMESPACE, now: () => performance.now() }),
    actor: ACTOR,
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

function readApiOptions(config: OperatorConfig): Pick<ReadApiOptions, 'ledger' | 'service' | 'address'> {
  return {
    ledger: ledgerSource(config),
    service: {
      namespace: config.ROCK_MAC_NAMESPACE,
      name: config.ROCK_MAC_READ_API_SERVICE,
      port: config.ROCK_MAC_READ_API_SERVICE_PORT,
    },
    address: { host: config.ROCK_MAC_READ_API_HOST, port: config.ROCK_MAC_READ_API_PORT },
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
