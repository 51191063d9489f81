import type { Logger } from 'pino';
import type { LedgerSource } from '../../api/environment.ts';
import { READ_API_SECRET } from '../../api/names.ts';
import type { KubeClient } from '../../kube/client/client.ts';
import { watchCertificate } from '../../kube/server/api-facing-server.ts';
import { createCertificateRotator } from '../../kube/server/certificate-rotator.ts';
import type { KeyPair } from '../../kube/server/certificates.ts';
import { openServiceLedger } from '../../ledger/connection/service-ledger.ts';
import { systemClock } from '../../time/clock.ts';
import { retryForever } from '../../time/retry-forever.ts';
import { createAccessCheck } from './access.ts';
import { createApiServiceRegistration, type ServicePort } from './api-service-registration.ts';
import { createLongPoll } from './long-poll.ts';
import type { ReadApiMetrics } from './metrics.ts';
import { createReadApiServer, type ListenAddress } from './server.ts';

export interface ReadApiOptions {
  readonly ledger: LedgerSource;
  /** Where the API server sends requests. The serving certificate is issued for this name. */
  readonly service: ServicePort;
  readonly address: ListenAddress;
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
  const { client, service, metrics } = options;
  const logger = options.logger.child({ part: 'read API' });
  const stopping = new AbortController();
  const background = { logger, clock: systemClock, signal: stopping.signal };
  const ledger = openReadApiLedger(options.ledger, logger);
  const registration = createApiServiceRegistration({ client, service, logger, now: Date.now });
  let phase: 'starting' | 'listening' | 'routed' = 'starting';
  const rotator = createRotator({ client, service, logger }, async (bundle) => {
    // An APIService without a server blocks the deletion of every namespace.
    if (phase === 'routed') await registration.register(bundle);
  });
  const server = createReadApiServer({
    client,
    ledger,
    checkAccess: createAccessCheck(client, Date.now),
    now: () => new Date(),
    longPoll: createLongPoll({ clock: systemClock, signal: stopping.signal }),
    metrics,
    logger,
    draining: () => stopping.signal.aborted,
  });

  async function serve(): Promise<void> {
    const first = await retryForever('create a certificate for the read API', () => rotator.check(), background);
    phase = 'listening';
    await server.listen(first, options.address);
    await options.whenReady;
    phase = 'routed';
    const servingPair = await retryForever('register the read API', () => rotator.check(), background);
    server.serveWith(servingPair);
    const renew = (next: KeyPair) => {
      server.serveWith(next);
    };
    await watchCertificate(renew, { rotator, servingPair, ...background });
  }

  const serving = serve().catch((error: unknown) => {
    if (!stopping.signal.aborted) logger.error({ err: error }, 'the read API failed to start');
  });
  return {
    stop: async () => {
      stopping.abort();
      await serving;
      if (phase !== 'starting') await registration.unregister();
      await server.close();
      await ledger.close();
    },
  };
}

/** Opens a few connections of its own, so that large reads do not delay the controllers. */
function openReadApiLedger(source: LedgerSource, logger: Logger) {
  return openServiceLedger({
    ...source,
    applicationName: 'rock-mac-read-api',
    max: 3,
    connectTimeoutMs: 2_000,
    statementTimeoutMs: 5_000,
    logger,
  });
}

function createRotator(
  { client, service, logger }: Pick<ReadApiOptions, 'client' | 'service' | 'logger'>,
  publish: (bundle: string) => Promise<void>,
) {
  const { namespace, name } = service;
  return createCertificateRotator({
    client,
    namespace,
    secretName: READ_API_SECRET,
    dnsNames: [`${name}.${namespace}.svc`],
    publish,
    logger,
    now: Date.now,
  });
}
