import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { WEBHOOK_SECRET } from '../api/names.ts';
import { createKubeClient, type KubeClient } from '../kube/client/client.ts';
import { readClusterId } from '../kube/client/cluster-id.ts';
import { watchCertificate, tlsOptions } from '../kube/server/api-facing-server.ts';
import { createCertificateRotator } from '../kube/server/certificate-rotator.ts';
import type { KeyPair } from '../kube/server/certificates.ts';
import { startHealthServer } from '../kube/server/health-server.ts';
import { listen } from '../kube/server/listen.ts';
import { startMetricsServer } from '../kube/server/metrics-server.ts';
import { systemClock } from '../kube/time/clock.ts';
import { retryForever } from '../kube/time/retry-forever.ts';
import { sleep } from '../kube/time/sleep.ts';
import { createAllocator, type Allocator } from '../ledger/address/allocator.ts';
import { release } from '../ledger/address/release.ts';
import type { LedgerClient } from '../ledger/connection/connect.ts';
import { openServiceLedger } from '../ledger/connection/service-ledger.ts';
import type { Service } from '../process/run-process.ts';
import { admitWorkload, type WorkloadAdmissionDeps } from './admit/admit-workload.ts';
import { recordRelease } from './admit/record-release.ts';
import { stampRequester } from './admit/stamp-requester.ts';
import type { NewAddress } from './allocate/request-address.ts';
import { findClaimByName } from './claims/find-claim.ts';
import type { WebhookConfig } from './config.ts';
import { publishCa } from './configuration/publish-ca.ts';
import { PATHS } from './configuration/webhook-configuration.ts';
import { guardReadApi } from './guard-read-api.ts';
import { createWebhookMetrics } from './metrics.ts';
import { createRefusalExplainer } from './refuse/explain-refusal.ts';
import { createWebhookServer, type Admit } from './server/server.ts';
import { watchNamespacePools, type NamespacePools } from './watch/namespace-pools.ts';
import { watchNetworks, type Networks } from './watch/networks.ts';

/**
 * How long an allocated address waits for its object to be stored. The API server ends a request after 34 s at most, so
 * this is well above.
 */
const LEASE_SECONDS = 120;

/** The API server waits 5 s. The ledger has 3 s of them, so a refusal comes from here and gives the reason. */
const LEDGER_BUDGET_MS = 3_000;

export interface WebhookService extends Service {
  /** The port in use, for callers that configured port 0. */
  readonly port: number;
  readonly healthPort: number;
}

/** Starts the webhook. Resolves when it serves admission reviews. */
export async function runWebhook(config: WebhookConfig, logger: Logger): Promise<WebhookService> {
  const stopping = new AbortController();
  const metrics = createWebhookMetrics();
  const ledger = openLedger(config, logger);
  const waitingFor = new Set(['the certificate', 'the cluster']);
  const health = await startHealthServer({
    host: config.ROCK_MAC_HEALTH_HOST,
    port: config.ROCK_MAC_HEALTH_PORT,
    live: () => true,
    // An unreachable Postgres does not count: it would take all replicas out of service, and a refusal with a reason is
    // better. A ledger that another version migrated does count: the replicas of that version serve then.
    notReady: () => [...waitingFor, ...ledger.notReadyReasons(), ...(stopping.signal.aborted ? ['its end'] : [])],
    logger,
  });
  const client = createKubeClient({ userAgent: 'rock-mac-webhook', kubeconfig: config.KUBECONFIG, logger });
  const metricsServer = await startMetricsServer({
    host: config.ROCK_MAC_HEALTH_HOST,
    port: config.ROCK_MAC_METRICS_PORT,
    client,
    clock: systemClock,
    logger,
    registry: metrics.registry,
  });
  const allocator = createAllocator({ db: ledger, leaseSeconds: LEASE_SECONDS, maxGroup: 128, maxQueue: 2_048 });
  const rotator = createCertificateRotator({
    client,
    namespace: config.ROCK_MAC_NAMESPACE,
    secretName: WEBHOOK_SECRET,
    dnsNames: dnsNamesOf(config),
    publish: (bundle) => publishCa(bundle, { client, logger }),
    logger,
    now: Date.now,
  });

  const background = { logger, clock: systemClock, signal: stopping.signal };
  const clusterId = await retryForever('read the uid of kube-system', () => readClusterId(client), background);
  waitingFor.delete('the cluster');
  const servingPair = await retryForever('make a certificate', () => rotator.check(), background);
  const pools = watchNamespacePools({ client, defaultPool: config.ROCK_MAC_WORKLOAD_POOL, logger });
  const networks = watchNetworks({ client, logger });
  const entries = admissionEntries({ config, client, ledger, allocator, clusterId, pools, networks, logger });
  const server = createWebhookServer(
    { entries, logger, metrics, draining: () => stopping.signal.aborted },
    servingPair,
  );
  const address = { host: config.ROCK_MAC_WEBHOOK_HOST, port: config.ROCK_MAC_WEBHOOK_PORT };
  const { port } = await listen(server.https, address);
  waitingFor.delete('the certificate');
  logger.info({ port, healthPort: health.port, clusterId }, 'the webhook is serving');

  metrics.serves(servingPair);
  const serve = (next: KeyPair) => {
    server.https.setSecureContext(tlsOptions(next));
    metrics.serves(next);
  };
  const loops = Promise.all([
    watchCertificate(serve, { rotator, servingPair, ...background }),
    guardReadApi({ client, ...background }),
  ]);

  return {
    port,
    healthPort: health.port,
    /** Ends readiness first, then drains: the API server does not repeat a call whose connection is closed. */
    stop: async () => {
      stopping.abort();
      await sleep(config.ROCK_MAC_DRAIN_SECONDS * 1_000, systemClock);
      await server.close();
      await loops;
      await Promise.all([pools.stop(), networks.stop()]);
      await allocator.close();
      await ledger.close();
      await metricsServer.close();
      await client.close();
      await health.close();
    },
  };
}

function openLedger(config: WebhookConfig, logger: Logger): ReturnType<typeof openServiceLedger> {
  return openServiceLedger({
    url: config.ROCK_MAC_LEDGER_URL,
    passwordFile: config.ROCK_MAC_LEDGER_PASSWORD_FILE,
    applicationName: 'rock-mac-webhook',
    max: 4,
    connectTimeoutMs: 2_000,
    statementTimeoutMs: 2_000,
    logger,
  });
}

interface EntryDeps {
  readonly config: WebhookConfig;
  readonly client: KubeClient;
  readonly ledger: LedgerClient;
  readonly allocator: Allocator;
  readonly clusterId: string;
  readonly pools: NamespacePools;
  readonly networks: Networks;
  readonly logger: Logger;
}

/** Returns the handler for each path of the webhook configuration. */
function admissionEntries(deps: EntryDeps): Readonly<Record<string, Admit>> {
  const { config, client, ledger, allocator, clusterId, pools, networks, logger } = deps;
  const workloads: WorkloadAdmissionDeps = {
    prefix: config.ROCK_MAC_PREFIX,
    primaryCni: config.ROCK_MAC_PRIMARY_CNI,
    multusNamespace: config.ROCK_MAC_MULTUS_NAMESPACE,
    supportOf: (names) => networks.supportOf(names),
    newLeaseId: randomUUID,
    allocation: {
      allocator,
      ledger,
      clusterId,
      leaseSeconds: LEASE_SECONDS,
      poolOf: (namespace) => pools.poolOf(namespace),
      findClaim: (namespace, name) => findClaimByName({ namespace, name }, { client, clusterId }),
      releaseAddresses: (addresses) => releaseAddresses(addresses, ledger, logger),
      explainRefusal: createRefusalExplainer({ client, ledger, clusterId }),
    },
  };
  return {
    [PATHS.workloads]: (request, receivedAt) => admitWorkload(request, workloads, receivedAt + LEDGER_BUDGET_MS),
    [PATHS.allocations]: (request) => Promise.resolve(stampRequester(request)),
    [PATHS.releases]: (request) => recordRelease(request, { ledger, clusterId, logger }),
  };
}

/** Releases the addresses of a refused object. If that fails, the ends of their leases release them two minutes later. */
async function releaseAddresses(addresses: readonly NewAddress[], ledger: LedgerClient, logger: Logger): Promise<void> {
  if (addresses.length === 0) return;
  try {
    await release(ledger, addresses, { force: false, actor: 'rock-mac-webhook', reason: 'the object was refused' });
  } catch (error) {
    logger.warn({ err: error, addresses: addresses.length }, 'could not release the addresses of a refused object');
  }
}

function dnsNamesOf({
  ROCK_MAC_NAMESPACE: namespace,
  ROCK_MAC_WEBHOOK_SERVICE: service,
}: WebhookConfig): readonly string[] {
  return [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`];
}
