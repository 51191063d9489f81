import type { IncomingMessage } from 'node:http';
import express, { type ErrorRequestHandler, type Express, type Response } from 'express';
import type { Logger } from 'pino';
import { createApiFacingServer, tlsOptions, type ApiFacingServer } from '../../kube/server/api-facing-server.ts';
import type { KeyPair } from '../../kube/server/certificates.ts';
import { formatReview, parseReview, type AdmissionRequest, type AdmissionResponse } from './admission-review.ts';
import { BodyRefused, createBodyReader } from './read-body.ts';
import { watchRequestStarts } from './request-start.ts';
import type { WebhookMetrics } from '../metrics.ts';
import { unavailable } from '../refuse/refusal.ts';

/**
 * Responds to one review, for which the API server has waited since `receivedAt` (milliseconds since 1970). A rejected promise
 * becomes a refusal with status 503.
 */
export type Admit = (request: AdmissionRequest, receivedAt: number) => Promise<AdmissionResponse>;

export interface WebhookServerOptions {
  /** The handler of each path. */
  readonly entries: Readonly<Record<string, Admit>>;
  readonly logger: Logger;
  readonly metrics: WebhookMetrics;
  /** While true, every response closes its connection. The API server then opens one to another replica. */
  readonly draining: () => boolean;
}

export function createWebhookServer(options: WebhookServerOptions, servingPair: KeyPair): ApiFacingServer {
  const app = createApp(options, ({ socket }) => requestStart(socket));
  const server = createApiFacingServer(tlsOptions(servingPair), app, options.logger);
  const requestStart = watchRequestStarts(server.https);
  return server;
}

/** Facts about a request that are not in its body. */
interface Locals extends Record<string, unknown> {
  receivedAt: number;
}

function createApp(
  { entries, logger, metrics, draining }: WebhookServerOptions,
  receivedAt: (request: IncomingMessage) => number,
): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use((request, response: Response<unknown, Locals>, next) => {
    response.locals.receivedAt = receivedAt(request);
    if (draining()) response.set('Connection', 'close');
    next();
  });
  const bodies = createBodyReader();
  for (const [path, admit] of Object.entries(entries)) {
    app.post(path, async (request, response: Response<unknown, Locals>) => {
      const body = await bodies.read(request);
      try {
        const parsed = parseReview(body.value);
        if (!parsed.ok) {
          logger.warn({ path, problem: parsed.problem }, 'rejected a request that is not a review');
          response.status(400).type('text/plain').send(parsed.problem);
          return;
        }
        const stop = metrics.seconds.startTimer({ entry: path });
        const { receivedAt: since } = response.locals;
        const reviewed = await respondTo(() => admit(parsed.request, since), parsed.request, logger);
        stop();
        metrics.reviews.inc({
          entry: path,
          allowed: String(reviewed.allowed),
          reason: reviewed.allowed ? '' : reviewed.refusal.reason,
        });
        response.json(formatReview(parsed.request.uid, reviewed));
      } finally {
        body.done();
      }
    });
  }
  app.use(badBody(logger));
  return app;
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
