import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import type { SecureContextOptions } from 'node:tls';
import type { Logger } from 'pino';
import type { Clock } from '../../time/clock.ts';
import { sleep } from '../../time/sleep.ts';
import type { CertificateRotator } from './certificate-rotator.ts';
import type { KeyPair } from './certificates.ts';
import { guardRequests, type RequestHandler } from './guard-requests.ts';

/**
 * How long idle connections are kept. The API server closes them after 90 s and does not retry a POST whose connection was
 * closed, so this server must wait longer. Node's default is 5 s.
 */
const KEEP_ALIVE_MS = 120_000;

/**
 * How long there must be no request before connections are closed. The API server may already have picked a pooled
 * connection for its next request, which would fail. The pause also lets the last response leave the TLS buffers.
 */
const IDLE_BEFORE_CLOSE_MS = 500;

/** The maximum wait for that pause: a client that still sends requests then ignores the removed endpoint. */
const MAX_CLOSE_WAIT_MS = 10_000;

/** The interval of certificate checks: far below the time for which an old and a new certificate are both trusted. */
const CERTIFICATE_CHECK_MS = 10_000;

/** An HTTPS server that the API server calls. */
export interface ApiFacingServer {
  readonly https: Server;
  /**
   * Serves until no request arrives any more, and resolves after the last response. Then it closes all other connections:
   * Node would wait minutes for a connection that was never used, and Go's client opens such connections.
   */
  readonly close: () => Promise<void>;
}

/** Returns the TLS options for a serving certificate; `more` adds options such as the CAs of client certificates. */
export function tlsOptions(servingPair: KeyPair, more: SecureContextOptions = {}): SecureContextOptions {
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
  const isQuiet = () => inFlight === 0 && performance.now() - lastUsed >= IDLE_BEFORE_CLOSE_MS;
  https.keepAliveTimeout = KEEP_ALIVE_MS;
  // Must be longer than the keep-alive, or Node cuts a connection that waits for its next request.
  https.headersTimeout = KEEP_ALIVE_MS + 5_000;
  // Raw sockets: some of them never start TLS.
  https.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  return {
    https,
    close: async () => {
      lastUsed = performance.now();
      const end = lastUsed + MAX_CLOSE_WAIT_MS;
      while (inFlight > 0 || (!isQuiet() && performance.now() < end)) await pause(50);
      // Only now, because it closes idle connections at once.
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

export interface CertificateWatch {
  readonly rotator: CertificateRotator;
  /** The certificate that is served now. */
  readonly servingPair: KeyPair;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/** Checks the certificate until the signal fires, and calls `onRenewed` with each new one. */
export async function watchCertificate(
  onRenewed: (servingPair: KeyPair) => void,
  watch: CertificateWatch,
): Promise<void> {
  const { rotator, logger, clock, signal } = watch;
  let { servingPair } = watch;
  for (;;) {
    await sleep(CERTIFICATE_CHECK_MS, clock, signal);
    if (signal.aborted) return;
    try {
      const next = await rotator.check();
      if (next.certificate === servingPair.certificate) continue;
      onRenewed(next);
      servingPair = next;
      logger.info('serving a new certificate');
    } catch (error) {
      logger.warn({ err: error }, 'cannot check the certificate, trying again');
    }
  }
}
