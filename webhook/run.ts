import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Logger } from 'pino';
import { ledgerSource } from '../api/environment.ts';
import { WEBHOOK_SECRET } from '../api/names.ts';
import { createKubeClient, type KubeClient } from '../kube/client/client.ts';
import { readClusterId } from '../kube/client/cluster-id.ts';
import { watchCertificate } from '../kube/server/api-facing-server.ts';
import { createCertificateRotator } from '../kube/server/certificate-rotator.ts';
import type { KeyPair } from '../kube/server/certificates.ts';
import { listen } from '../kube/server/listen.ts';
import { startManagementServers } from '../kube/server/management-servers.ts';
import type { LedgerClient } from '../ledger/connection/connect.ts';
import { openServiceLedger } from '../ledger/connection/service-ledger.ts';
import { keepReportingClock } from '../ledger/state/clock.ts';
import type { Stoppable } from '../process/run-process.ts';
import { systemClock } from '../time/clock.ts';
import { repeatEvery } from '../time/repeat-every.ts';
import { retryForever } from '../time/retry-forever.ts';
import { sleep } from '../time/sleep.ts';
import { LEASE_SECONDS, startAdmission } from './admission.ts';
import { ADMISSION_KEYS_EVERY_MS, createAdmissionKeys } from './admission-keys/admission-keys.ts';
import { readClientCa, watchClientCa } from './callers/client-ca.ts';
import type { WebhookConfig } from './config.ts';
import { publishCa } from './configuration/publish-ca.ts';
import { guardReadApi } from './guard-read-api.ts';
import { createWebhookMetrics } from './metrics.ts';
import { createWebhookServer, type TrustedCallers } from './server/server.ts';
import { type RunningStock, runStock } from './stock/run-stock.ts';
import { createTicketReader, TICKET_EVERY_MS } from './watch/ticket.ts';

/** What a starting webhook waits for, as `/readyz` reports it. */
const CERTIFICATE = 'the certificate';
const CLUSTER = 'the cluster';
const PREFIXES = 'the prefixes of the ledger';

export interface WebhookService extends Stoppable {
  /** The port in use, for callers that configured port 0. */
  readonly port: number;
  readonly healthPort: number;
}

/** Starts the webhook. Resolves when it serves admission reviews. */
export async function runWebhook(config: WebhookConfig, logger: Logger): Promise<WebhookService> {
  const stopping = new AbortController();
  const background = { logger, clock: systemClock, signal: stopping.signal };
  const callers = await readTrustedCallers(config);
  const metrics = createWebhookMetrics();
  const connections = openLedger(config, logger);
  const ledger = metrics.measureLedger(connections);
  const waitingFor = new Set([CERTIFICATE, CLUSTER, PREFIXES]);
  const client = createKubeClient({ userAgent: 'rock-mac-webhook', kubeconfig: config.KUBECONFIG, logger });
  const management = await startManagementServers({
    host: config.ROCK_MAC_HEALTH_HOST,
    healthPort: config.ROCK_MAC_HEALTH_PORT,
    metricsPort: config.ROCK_MAC_METRICS_PORT,
    metricsAudience: config.ROCK_MAC_METRICS_AUDIENCE,
    // An unreachable Postgres does not count: it would take all replicas out of service, and a refusal with a reason is
    // better. A ledger that another version migrated does count: the replicas of that version serve then.
    notReady: () => [...waitingFor, ...connections.notReadyReasons(), ...(stopping.signal.aborted ? ['its end'] : [])],
    registry: metrics.registry,
    client,
    logger,
  });
  const clusterId =
    config.ROCK_MAC_CLUSTER_ID ??
    (await retryForever('read the uid of kube-system', () => readClusterId(client), background));
  const tickets = createTicketReader({ client, namespace: config.ROCK_MAC_NAMESPACE });
  // Without it, the ledger would not notice that this is the webhook of a copy.
  await retryForever('read the ticket of this cluster', () => tickets.read(), background);
  const admissionKeys = createAdmissionKeys({ client, namespace: config.ROCK_MAC_NAMESPACE, logger });
  await retryForever('read the keys of the tokens', () => admissionKeys.refresh(), background);
  waitingFor.delete(CLUSTER);
  const rotator = createRotator(config, client, logger);
  const servingPair = await retryForever('make a certificate', () => rotator.check(), background);
  const stocked = startStock({ config, client, ledger, clusterId, ticket: () => tickets.current(), logger });
  if (stocked !== undefined) metrics.measureStock(() => stocked.stock.levels());
  const admission = startAdmission({
    config,
    client,
    ledger,
    clusterId,
    ticket: () => tickets.current(),
    admissionKeys,
    stock: stocked?.stock,
    answeredFromStock: metrics.answeredFromStock,
    logger,
  });
  await admission.knowsPrefixes();
  waitingFor.delete(PREFIXES);
  const server = createWebhookServer(
    { entries: admission.entries, logger, metrics, draining: () => stopping.signal.aborted },
    servingPair,
    callers,
  );
  const address = { host: config.ROCK_MAC_WEBHOOK_HOST, port: config.ROCK_MAC_WEBHOOK_PORT };
  const { port } = await listen(server.https, address);
  metrics.serves(servingPair);
  waitingFor.delete(CERTIFICATE);
  const { healthPort } = management;
  logger.info({ port, healthPort, clusterId }, 'the webhook is serving');
  const serveWith = (next: KeyPair) => {
    server.serveWith(next);
    metrics.serves(next);
  };
  const loops = Promise.all([
    watchCertificate(serveWith, { rotator, servingPair, ...background }),
    watchClientCa(server.trust, { file: config.ROCK_MAC_WEBHOOK_CLIENT_CA_FILE, ca: callers?.ca, ...background }),
    guardReadApi({ client, ...background }),
    repeatEvery(TICKET_EVERY_MS, 'read the ticket of this cluster', () => tickets.read(), background),
    repeatEvery(ADMISSION_KEYS_EVERY_MS, 'read the keys of the tokens', () => admissionKeys.refresh(), background),
    // In a pod, the host name is that of the pod.
    keepReportingClock(ledger, { clusterId, name: `webhook/${hostname()}` }, background),
  ]);
  return {
    port,
    healthPort,
    /** Ends readiness first, then drains: the API server does not repeat a call whose connection is closed. */
    stop: async () => {
      stopping.abort();
      await sleep(config.ROCK_MAC_DRAIN_SECONDS * 1_000, systemClock);
      await server.close();
      await loops;
      await admission.stop();
      await stocked?.stop();
      await ledger.close();
      await management.close();
      await client.close();
    },
  };
}

/** Returns the callers of the configuration. Without a CA for them, everybody may send reviews. */
async function readTrustedCallers(config: WebhookConfig): Promise<TrustedCallers | undefined> {
  const { ROCK_MAC_WEBHOOK_CLIENT_CA_FILE: file, ROCK_MAC_WEBHOOK_CLIENT_NAMES: names } = config;
  return file === undefined ? undefined : { ca: await readClientCa(file), names };
}

function openLedger(config: WebhookConfig, logger: Logger): ReturnType<typeof openServiceLedger> {
  return openServiceLedger({
    ...ledgerSource(config),
    applicationName: 'rock-mac-webhook',
    max: 4,
    connectTimeoutMs: 2_000,
    statementTimeoutMs: 2_000,
    logger,
  });
}

/** Starts the stock of this process. Without a pod of its own there is none: nobody could prove its end. */
function startStock(options: {
  readonly config: WebhookConfig;
  readonly client: KubeClient;
  readonly ledger: LedgerClient;
  readonly clusterId: string;
  readonly ticket: () => string | undefined;
  readonly logger: Logger;
}): RunningStock | undefined {
  const { config, clusterId } = options;
  const { ROCK_MAC_POD_NAME: podName, ROCK_MAC_POD_UID: podUid, ROCK_MAC_STOCK_COVER_SECONDS: cover } = config;
  if (podName === undefined || podUid === undefined || cover === 0) return undefined;
  return runStock({
    ...options,
    namespace: config.ROCK_MAC_NAMESPACE,
    holder: { clusterId, id: randomUUID(), podName, podUid },
    coverMs: cover * 1_000,
    leaseSeconds: LEASE_SECONDS,
    newFillId: randomUUID,
    clock: systemClock,
  });
}

function createRotator(config: WebhookConfig, client: KubeClient, logger: Logger) {
  const { ROCK_MAC_NAMESPACE: namespace, ROCK_MAC_WEBHOOK_SERVICE: service } = config;
  return createCertificateRotator({
    client,
    namespace,
    secretName: WEBHOOK_SECRET,
    dnsNames: [`${service}.${namespace}.svc`, `${service}.${namespace}.svc.cluster.local`],
    publish: (bundle) => publishCa(bundle, { client, logger }),
    logger,
    now: Date.now,
  });
}
