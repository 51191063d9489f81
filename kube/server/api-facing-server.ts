import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { SecureContextOptions } from 'node:tls';
import type { Logger } from 'pino';
import type { CertificateRotator } from './certificate-rotator.ts';
import type { KeyPair } from './certificates.ts';
import type { Clock } from '../time/clock.ts';
import { guardRequests, type RequestHandler } from './guard-requests.ts';
import { sleep } from '../time/sleep.ts';

/**
 * The API server keeps idle connections for 90 s and does not repeat a POST whose connection was closed under it, so the
 * server must be the one that waits longer. Node's own default is 5 s.
 */
const KEEP_ALIVE_MS = 120_000;

/**
 * The API server may have chosen a kept connection for its next request before it can know that this end closes it, and
 * would take the broken connection for an answer. So connections are cut only when nobody has asked for so long, which
 * also lets the last answer leave the buffers of TLS.
 */
const QUIET_MS = 500;

/** And at the latest after so long: who is still sent here then is sent by somebody who never hears. */
const LONGEST_WAIT_MS = 10_000;

/** How soon a certificate that another replica made is served here. Far below the time for which both are trusted. */
const CERTIFICATE_CHECK_MS = 10_000;

/** An HTTPS server that the API server calls. */
export interface ApiFacingServer {
  readonly https: Server;
  /**
   * Answers until nobody asks any more, and resolves when the last request has its answer. What is open besides is cut
   * then: Node would wait minutes for a connection that was opened and never used, and Go's client opens some.
   */
  readonly close: () => Promise<void>;
}

/** What this server serves with: its certificate, and what else TLS is told (whose client certificates to take, say). */
export function tlsOf(servingPair: KeyPair, more: SecureContextOptions = {}): SecureContextOptions {
  return { ...more, cert: servingPair.certificate, key: servingPair.key, minVersion: 'TLSv1.2' };
}

export function createApiFacingServer(
  tls: SecureContextOptions & { readonly requestCert?: boolean },
  handle: RequestHandler,
  logger: Pick<Logger, 'error'>,
): ApiFacingServer {
  const listener = guardRequests(handle, logger);
  const sockets = new Set<Socket>();
  let inFlight = 0;
  let lastUsed = 0;
  const https = createServer({ rejectUnauthorized: false, ...tls }, (request, response) => {
    inFlight++;
    response.once('close', () => {
      inFlight--;
      lastUsed = performance.now();
    });
    listener(request, response);
  });
  const isQuiet = () => inFlight === 0 && performance.now() - lastUsed >= QUIET_MS;
  https.keepAliveTimeout = KEEP_ALIVE_MS;
  // Must be longer than the keep-alive, or Node cuts a connection that waits for its next request.
  https.headersTimeout = KEEP_ALIVE_MS + 5_000;
  // The raw sockets, of which some never begin to speak TLS.
  https.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    https,
    close: async () => {
      lastUsed = performance.now();
      const end = lastUsed + LONGEST_WAIT_MS;
      while (inFlight > 0 || (!isQuiet() && performance.now() < end)) await pause(50);
      // Only now: it closes at once what is kept and not in use.
      const closed = new Promise<void>((resolve) => {
        https.close(() => {
          resolve();
        });
      });
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

export interface Serving {
  readonly rotator: CertificateRotator;
  /** What is served now. */
  readonly servingPair: KeyPair;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Looks after the certificate until the signal fires, and has `serve` called with each new one. */
export async function keepServing(serve: (servingPair: KeyPair) => void, serving: Serving): Promise<void> {
  const { rotator, logger, clock, signal } = serving;
  let { servingPair } = serving;
  for (;;) {
    await sleep(CERTIFICATE_CHECK_MS, clock, signal);
    if (signal.aborted) return;
    try {
      const next = await rotator.check();
      if (next.certificate === servingPair.certificate) continue;
      serve(next);
      servingPair = next;
      logger.info('serving a new certificate');
    } catch (error) {
      logger.warn({ err: error }, 'could not look after the certificate, trying again');
    }
  }
}
