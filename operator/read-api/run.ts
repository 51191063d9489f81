import type { Logger } from 'pino';
import { READ_API_SECRET } from '../../api/names.ts';
import {
  createApiFacingServer,
  keepServing,
  tlsOf,
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
import { createAttachment } from './registration.ts';
import { watchFrontProxy } from './front-proxy.ts';
import { createListener } from './listener.ts';
import type { ReadApiMetrics } from './metrics.ts';

export interface ReadApiOptions {
  readonly config: OperatorConfig;
  readonly client: KubeClient;
  readonly metrics: ReadApiMetrics;
  readonly logger: Logger;
  /** Resolves when the process is ready: Kubernetes sends nobody to one that is not. */
  readonly whenReady: Promise<void>;
}

export interface ReadApi {
  /** Ends it in order. */
  stop(): Promise<void>;
}

/**
 * Serves the read API on every replica, whoever leads. It comes up by itself and holds nobody up: an installation without
 * it, or without its rights, has an operator that works all the same.
 */
export function startReadApi(options: ReadApiOptions): ReadApi {
  const { config, client, metrics } = options;
  const logger = options.logger.child({ part: 'read API' });
  const stopping = new AbortController();
  const started = { logger, clock: systemClock, signal: stopping.signal };
  // Its own few connections: who reads a million rows must not keep the controllers waiting.
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
  const attachment = createAttachment({ client, service, logger, now: Date.now });
  const rotator = createCertificateRotator({
    client,
    namespace: service.namespace,
    secretName: READ_API_SECRET,
    dnsNames: [`${service.name}.${service.namespace}.svc`],
    // Only once it answers here and is sent to: an APIService without anybody behind it holds up every namespace's end.
    publish: async (bundle) => {
      if (isSentTo) await attachment.attach(bundle);
    },
    logger,
    now: Date.now,
  });
  let servingPair: KeyPair | undefined;
  let server: ApiFacingServer | undefined;
  let isSentTo = false;
  const frontProxy = watchFrontProxy({ client, logger }, () => {
    setTls();
  });

  function tls() {
    if (servingPair === undefined) throw new Error('there is no certificate to serve with yet');
    // Without an authority to trust TLS would take Node's own list, so that any public certificate were trusted.
    return { ...tlsOf(servingPair, { ca: frontProxy.current()?.ca ?? [] }), requestCert: true };
  }

  function setTls(): void {
    if (server === undefined) return;
    server.https.setSecureContext(tls());
    // What was trusted on an open connection is asked for again on the next.
    server.https.closeIdleConnections();
  }

  function serveWith(next: KeyPair): void {
    servingPair = next;
    metrics.serves(next);
    setTls();
  }

  async function serve(): Promise<void> {
    serveWith(await retryForever('make a certificate for the read API', () => rotator.check(), started));
    const called = createApiFacingServer(
      tls(),
      createListener({
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
    server = called;
    const at = { host: config.ROCK_MAC_READ_API_HOST, port: config.ROCK_MAC_READ_API_PORT };
    const { port } = await listen(called.https, at);
    logger.info({ port }, 'the read API answers');
    await options.whenReady;
    isSentTo = true;
    const served = await retryForever('attach the read API', () => rotator.check(), started);
    serveWith(served);
    await keepServing(serveWith, { rotator, servingPair: served, ...started });
  }

  const serving = serve().catch((error: unknown) => {
    if (!stopping.signal.aborted) logger.error({ err: error }, 'the read API does not answer');
  });
  return {
    stop: async () => {
      stopping.abort();
      await serving;
      if (server !== undefined) await attachment.detach();
      await server?.close();
      await frontProxy.stop();
      await ledger.close();
    },
  };
}
