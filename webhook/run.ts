import { randomUUID } from 'node:crypto';
import type { Logger } from 'pino';
import { WEBHOOK_SECRET } from '../api/names.ts';
import { keepServing, tlsOf } from '../kube/server/api-facing-server.ts';
import { createCertificateRotator } from '../kube/server/certificate-rotator.ts';
import type { KeyPair } from '../kube/server/certificates.ts';
import { createKubeClient } from '../kube/client/client.ts';
import { systemClock } from '../kube/time/clock.ts';
import { readClusterId } from '../kube/client/cluster-id.ts';
import { startHealthServer } from '../kube/server/health-server.ts';
import { listen } from '../kube/server/listen.ts';
import { startMetricsServer } from '../kube/server/metrics-server.ts';
import { retryForever } from '../kube/time/retry-forever.ts';
import type { Service } from '../process/run-process.ts';
import { sleep } from '../kube/time/sleep.ts';
import { createAllocator } from '../ledger/address/allocator.ts';
import type { LedgerClient } from '../ledger/connection/connect.ts';
import { openServiceLedger } from '../ledger/connection/service-ledger.ts';
import { release } from '../ledger/address/release.ts';
import { admitWorkload, type WorkloadAdmission } from './admit/admit-workload.ts';
import { findNamedClaim } from './claims/find-claim.ts';
import type { WebhookConfig } from './config.ts';
import { createExplainer } from './refuse/explain-refusal.ts';
import { guardReadApi } from './guard-read-api.ts';
import { createWebhookMetrics } from './metrics.ts';
import { watchNamespacePools } from './watch/namespace-pools.ts';
import { watchNetworks } from './watch/networks.ts';
import type { HeldAddress } from './allocate/allocate-for-object.ts';
import { publishCa } from './configuration/publish-ca.ts';
import { recordRelease } from './admit/record-release.ts';
import { createWebhookServer } from './server/server.ts';
import { stampRequester } from './admit/stamp-requester.ts';
import { PATHS } from './configuration/webhook-configuration.ts';

/** How long a handed-out address waits for its object: well above the 34 s in which the API server ends a request. */
const LEASE_SECONDS = 120;

/** Of the API server's 5 s: when the ledger must have answered, so that a refusal is ours and says why. */
const LEDGER_BUDGET_MS = 3_000;

export interface WebhookService extends Service {
  /** Where it listens, for whoever let it take free ports. */
  readonly port: number;
  readonly healthPort: number;
}

/** Starts the webhook; resolves when it answers. */
export async function runWebhook(config: WebhookConfig, logger: Logger): Promise<WebhookService> {
  const stopping = new AbortController();
  const metrics = createWebhookMetrics();
  const ledger = openServiceLedger({
    url: config.ROCK_MAC_LEDGER_URL,
    passwordFile: config.ROCK_MAC_LEDGER_PASSWORD_FILE,
    applicationName: 'rock-mac-webhook',
    max: 4,
    connectTimeoutMs: 2_000,
    statementTimeoutMs: 2_000,
    logger,
  });
  const waitingFor = new Set(['the certificate', 'the cluster']);
  const health = await startHealthServer({
    host: config.ROCK_MAC_HEALTH_HOST,
    port: config.ROCK_MAC_HEALTH_PORT,
    live: () => true,
    // Not Postgres: it would take every replica out of service at once, and a refusal with a reason is the better answer.
    // A ledger that another version has migrated is another matter: there, the replicas of that version serve.
    notReady: () => [...waitingFor, ...ledger.waitsFor(), ...(stopping.signal.aborted ? ['its end'] : [])],
    logger,
  });
  const client = createKubeClient({ userAgent: 'rock-mac-webhook', kubeconfig: config.KUBECONFIG, logger });
  const scraped = await startMetricsServer({
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

  const started = { logger, clock: systemClock, signal: stopping.signal };
  const clusterId = await retryForever('read the uid of kube-system', () => readClusterId(client), started);
  waitingFor.delete('the cluster');
  const servingPair = await retryForever('make a certificate', () => rotator.check(), started);
  const pools = watchNamespacePools({ client, defaultPool: config.ROCK_MAC_WORKLOAD_POOL, logger });
  const networks = watchNetworks({ client, logger });
  const admission: WorkloadAdmission = {
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
      findClaim: (namespace, name) => findNamedClaim({ namespace, name }, { client, clusterId }),
      releaseHeld: (held) => releaseHeld(held, ledger, logger),
      explainer: createExplainer({ client, ledger, clusterId }),
    },
  };
  const server = createWebhookServer(
    {
      entries: {
        [PATHS.workloads]: (request, receivedAt) => admitWorkload(request, admission, receivedAt + LEDGER_BUDGET_MS),
        [PATHS.allocations]: (request) => Promise.resolve(stampRequester(request)),
        [PATHS.releases]: (request) => recordRelease(request, { ledger, clusterId, logger }),
      },
      logger,
      metrics,
      draining: () => stopping.signal.aborted,
    },
    servingPair,
  );
  const at = { host: config.ROCK_MAC_WEBHOOK_HOST, port: config.ROCK_MAC_WEBHOOK_PORT };
  const { port } = await listen(server.https, at);
  waitingFor.delete('the certificate');
  logger.info({ port, healthPort: health.port, clusterId }, 'the webhook answers');

  metrics.serves(servingPair);
  const serve = (next: KeyPair) => {
    server.https.setSecureContext(tlsOf(next));
    metrics.serves(next);
  };
  const keeping = Promise.all([
    keepServing(serve, { rotator, servingPair, ...started }),
    guardReadApi({ client, ...started }),
  ]);

  return {
    port,
    healthPort: health.port,
    /** Readiness first, then the drain: the API server does not repeat a call whose connection is closed under it. */
    stop: async () => {
      stopping.abort();
      await sleep(config.ROCK_MAC_DRAIN_SECONDS * 1_000, systemClock);
      await server.close();
      await keeping;
      await Promise.all([pools.stop(), networks.stop()]);
      await allocator.close();
      await ledger.close();
      await scraped.close();
      await client.close();
      await health.close();
    },
  };
}

/** Best effort: what is not given back here is given back when its lease is over, in two minutes. */
async function releaseHeld(held: readonly HeldAddress[], ledger: LedgerClient, logger: Logger): Promise<void> {
  if (held.length === 0) return;
  try {
    await release(ledger, held, { force: false, actor: 'rock-mac-webhook', reason: 'the object was refused' });
  } catch (error) {
    logger.warn({ err: error, addresses: held.length }, 'could not give addresses of a refused object back');
  }
}

function dnsNamesOf({
  ROCK_MAC_NAMESPACE: namespace,
  ROCK_MAC_WEBHOOK_SERVICE: service,
}: WebhookConfig): readonly string[] {
  return [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`];
}
