import type { Logger } from 'pino';
import { READ_API_SECRET } from '../../api/names.ts';
import {
  createApiFacingServer,
  watchCertificate,
  tlsOptions,
  type ApiFacingServer,
} from '../../kube/server/api-facing-server.ts';
import { createCertificateRotator } from '../../kube/server/certificate-rotator.ts';
import type { KeyPair } from '../../kube/server/certificates.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { systemClock } from '../../kube/time/clock.ts';
import { listen } from '../../kube/server/listen.ts';
import { retryForever } from '../../kube/time/retry-forever.ts';
import { openServiceLedger } from '../../ledger/connection/service-ledger.ts';
import type { OperatorConfig } from '../config.ts';
import { createAccessCheck } from './access.ts';
import { createApiServiceRegistration } from './api-service-registration.ts';
import { watchFrontProxy } from './front-proxy.ts';
import type { ReadApiMetrics } from './metrics.ts';
import { createRequestListener } from './request-listener.ts';

export interface ReadApiOptions {
  readonly config: OperatorConfig;
  readonly client: KubeClient;
  readonly metrics: ReadApiMetrics;
  readonly logger: Logger;
  /** Resolves when the process is ready. Before that, the Service does not route requests to it. */
  readonly whenReady: Promise<void>;
}

export interface ReadApi {
  /** Unregisters the API and shuts the server down. */
  stop(): Promise<void>;
}

/**
 * Starts the read API, which every replica serves. It starts in the background: without its Service or its permissions the
 * operator works anyway.
 */
export function startReadApi(options: ReadApiOptions): ReadApi {
  const { config, client, metrics } = options;
  const logger = options.logger.child({ part: 'read API' });
  const stopping = new AbortController();
  const background = { logger, clock: systemClock, signal: stopping.signal };
  // Has its own few connections, so that large reads do not delay the controllers.
  const ledger = openServiceLedger({
    url: config.ROCK_MAC_LEDGER_URL,
    passwordFile: config.ROCK_MAC_LEDGER_PASSWORD_FILE,
    applicationName: 'rock-mac-read-api',
    max: 3,
    connectTimeoutMs: 2_000,
    statementTimeoutMs: 5_000,
    logger,
  });
  const service = {
    namespace: config.ROCK_MAC_NAMESPACE,
    name: config.ROCK_MAC_READ_API_SERVICE,
    port: config.ROCK_MAC_READ_API_SERVICE_PORT,
  };
  const registration = createApiServiceRegistration({ client, service, logger, now: Date.now });
  const rotator = createCertificateRotator({
    client,
    namespace: service.namespace,
    secretName: READ_API_SECRET,
    dnsNames: [`${service.name}.${service.namespace}.svc`],
    // Registers only while the Service routes requests here, because an APIService without a server blocks the deletion
    // of every namespace.
    publish: async (bundle) => {
      if (isRouted) await registration.register(bundle);
    },
    logger,
    now: Date.now,
  });
  let servingPair: KeyPair | undefined;
  let server: ApiFacingServer | undefined;
  let isRouted = false;
  const frontProxy = watchFrontProxy({ client, logger }, () => {
    setTls();
  });

  function tls() {
    if (servingPair === undefined) throw new Error('the serving certificate is not ready yet');
    // An empty list of CAs trusts nobody. Without a list, Node would trust every public CA.
    return { ...tlsOptions(servingPair, { ca: frontProxy.current()?.ca ?? [] }), requestCert: true };
  }

  function setTls(): void {
    if (server === undefined) return;
    server.https.setSecureContext(tls());
    // New connections check the client certificate against the new CA.
    server.https.closeIdleConnections();
  }

  function serveWith(next: KeyPair): void {
    servingPair = next;
    metrics.serves(next);
    setTls();
  }

  async function serve(): Promise<void> {
    serveWith(await retryForever('create a certificate for the read API', () => rotator.check(), background));
    const created = createApiFacingServer(
      tls(),
      createRequestListener({
        ledger,
        checkAccess: createAccessCheck(client, Date.now),
        frontProxy: () => frontProxy.current(),
        now: () => new Date(),
        metrics,
        logger,
        draining: () => stopping.signal.aborted,
      }),
      logger,
    );
    server = created;
    const address = { host: config.ROCK_MAC_READ_API_HOST, port: config.ROCK_MAC_READ_API_PORT };
    const { port } = await listen(created.https, address);
    logger.info({ port }, 'the read API is listening');
    await options.whenReady;
    isRouted = true;
    const served = await retryForever('register the read API', () => rotator.check(), background);
    serveWith(served);
    await watchCertificate(serveWith, { rotator, servingPair: served, ...background });
  }

  const serving = serve().catch((error: unknown) => {
    if (!stopping.signal.aborted) logger.error({ err: error }, 'the read API failed to start');
  });
  return {
    stop: async () => {
      stopping.abort();
      await serving;
      if (server !== undefined) await registration.unregister();
      await server?.close();
      await frontProxy.stop();
      await ledger.close();
    },
  };
}
