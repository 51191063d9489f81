import type { IncomingMessage } from 'node:http';
import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response } from 'express';
import type { Logger } from 'pino';
import { type ApiFacingServer, createApiFacingServer, tlsOptions } from '../../kube/server/api-facing-server.ts';
import type { KeyPair } from '../../kube/server/certificates.ts';
import { isAllowedPeer, peerOf } from '../../kube/server/client-certificate.ts';
import {
  type AdmissionRequest,
  type AdmissionResponse,
  formatReview,
  parseReview,
} from '../review/admission-review.ts';
import { unavailable } from '../review/refusal.ts';
import { BodyRefused, createBodyReader } from './read-body.ts';
import { watchRequestStarts } from './request-start.ts';

/**
 * Responds to one review, for which the API server has waited since `receivedAt` (milliseconds since 1970). A rejected promise
 * becomes a refusal with status 503.
 */
export type Admit = (request: AdmissionRequest, receivedAt: number) => Promise<AdmissionResponse>;

/** Metrics of the admission reviews. */
export interface ReviewMetrics {
  /** Shows the counter of an entry from the start: an alert sees only how a counter grows, not that it appears. */
  accepting(entry: string): void;
  reviewed(review: { readonly entry: string; readonly response: AdmissionResponse; readonly durationMs: number }): void;
}

export interface WebhookServerOptions {
  /** The handler of each path. */
  readonly entries: Readonly<Record<string, Admit>>;
  readonly logger: Logger;
  readonly metrics: ReviewMetrics;
  /** While true, every response closes its connection. The API server then opens one to another replica. */
  readonly draining: () => boolean;
}

/** Who may send reviews. */
export interface TrustedCallers {
  /** The CA of their client certificates, in PEM. */
  readonly ca: string;
  /** The accepted common names. An empty list accepts every certificate of the CA. */
  readonly names: readonly string[];
}

export interface WebhookServer extends ApiFacingServer {
  /** Serves new connections with another certificate. */
  readonly serveWith: (servingPair: KeyPair) => void;
  /** Verifies the client certificates of new connections with another CA. */
  readonly trust: (ca: string) => void;
}

/** Creates the server of the admission reviews. Without `callers` it takes reviews of anybody. */
export function createWebhookServer(
  options: WebhookServerOptions,
  servingPair: KeyPair,
  callers?: TrustedCallers,
): WebhookServer {
  let current = { servingPair, ca: callers?.ca };
  const app = createApp({ ...options, callers }, ({ socket }) => requestStart(socket));
  const server = createApiFacingServer(
    { ...secureContext(current), requestCert: callers !== undefined },
    app,
    options.logger,
  );
  const requestStart = watchRequestStarts(server.https);

  function change(changes: Partial<typeof current>): void {
    current = { ...current, ...changes };
    server.https.setSecureContext(secureContext(current));
  }

  return {
    ...server,
    serveWith: (next) => {
      change({ servingPair: next });
    },
    trust: (ca) => {
      change({ ca });
      server.https.closeIdleConnections();
    },
  };
}

function secureContext({ servingPair, ca }: { readonly servingPair: KeyPair; readonly ca: string | undefined }) {
  return tlsOptions(servingPair, ca === undefined ? {} : { ca });
}

/** Facts about a request that are not in its body. */
interface Locals extends Record<string, unknown> {
  receivedAt: number;
}

function createApp(
  { entries, logger, metrics, draining, callers }: WebhookServerOptions & { callers: TrustedCallers | undefined },
  receivedAt: (request: IncomingMessage) => number,
): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use((request, response: Response<unknown, Locals>, next) => {
    response.locals.receivedAt = receivedAt(request);
    if (draining()) response.set('Connection', 'close');
    next();
  });
  if (callers !== undefined) app.use(onlyFrom(callers, logger));
  const bodies = createBodyReader();
  for (const [path, admit] of Object.entries(entries)) {
    metrics.accepting(path);
    app.post(path, async (request, response: Response<unknown, Locals>) => {
      const body = await bodies.read(request);
      try {
        const parsed = parseReview(body.value);
        if (!parsed.ok) {
          logger.warn({ path, problem: parsed.problem }, 'rejected a request that is not a review');
          response.status(400).type('text/plain').send(parsed.problem);
          return;
        }
        const started = performance.now();
        const { receivedAt: since } = response.locals;
        const reviewed = await respondTo(() => admit(parsed.request, since), parsed.request, logger);
        metrics.reviewed({ entry: path, response: reviewed, durationMs: performance.now() - started });
        response.json(formatReview(parsed.request.uid, reviewed));
      } finally {
        body.done();
      }
    });
  }
  app.use(badBody(logger));
  return app;
}

/** Refuses a caller without a trusted certificate before its body is read. The API server shows the status to its client. */
function onlyFrom({ names }: TrustedCallers, logger: Logger): RequestHandler {
  return (request, response, next) => {
    const peer = peerOf(request);
    if (isAllowedPeer(peer, names)) {
      next();
      return;
    }
    logger.warn(
      { from: request.socket.remoteAddress, commonName: peer.commonName },
      'refused a caller without a trusted certificate',
    );
    const text = 'only the API server may send reviews: it needs a client certificate that this webhook trusts\n';
    response.set('Connection', 'close').status(401).type('text/plain').send(text);
  };
}

async function respondTo(
  admit: () => Promise<AdmissionResponse>,
  request: AdmissionRequest,
  logger: Logger,
): Promise<AdmissionResponse> {
  const { namespace, name, kind, operation, uid } = request;
  const fields = { namespace, name, kind: kind.kind, operation, uid, user: request.userInfo.username };
  try {
    const response = await admit();
    if (!response.allowed) {
      const { cause, ...refusal } = response.refusal;
      logger.info({ ...fields, ...refusal, ...(cause !== undefined && { err: cause }) }, 'refused');
    }
    return response;
  } catch (error) {
    logger.error({ ...fields, err: error }, 'review failed');
    return {
      allowed: false,
      refusal: unavailable(
        'rock-mac failed because of an internal error.\nTry again; the log of its webhook has the cause.',
      ),
    };
  }
}

/** Responds to a rejected body. The body itself is not logged, because it may hold secrets. */
function badBody(logger: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const { status, message } = error instanceof BodyRefused ? error : { status: 500, message: 'internal error' };
    logger.warn({ path: request.path, status, err: error }, 'rejected a body');
    // The rest of the body may still arrive, so the connection cannot be used for another request.
    response.set('Connection', 'close').status(status).type('text/plain').send(message);
  };
}
