import type { IncomingMessage } from 'node:http';
import express, { type ErrorRequestHandler, type Express, type Response } from 'express';
import type { Logger } from 'pino';
import { createApiFacingServer, tlsOf, type ApiFacingServer } from '../../kube/server/api-facing-server.ts';
import type { KeyPair } from '../../kube/server/certificates.ts';
import { formatReview, parseReview, type AdmissionRequest, type AdmissionResponse } from './admission-review.ts';
import { BodyRefused, createBodyReader } from './read-body.ts';
import { watchArrivals } from './request-start.ts';
import type { WebhookMetrics } from '../metrics.ts';
import { unavailable } from '../refuse/refusal.ts';

/**
 * Answers one review, which the API server waits for since `receivedAt` (milliseconds since 1970). Rejecting is allowed: it
 * becomes a refusal that can be tried again.
 */
export type Admit = (request: AdmissionRequest, receivedAt: number) => Promise<AdmissionResponse>;

export interface WebhookServerOptions {
  /** The handler of each path. */
  readonly entries: Readonly<Record<string, Admit>>;
  readonly logger: Logger;
  readonly metrics: WebhookMetrics;
  /** Once true, every answer asks the API server to take another connection, which then leads to another replica. */
  readonly draining: () => boolean;
}

export function createWebhookServer(options: WebhookServerOptions, servingPair: KeyPair): ApiFacingServer {
  const app = createApp(options, ({ socket }) => arrivals.of(socket));
  const server = createApiFacingServer(tlsOf(servingPair), app, options.logger);
  const arrivals = watchArrivals(server.https);
  return server;
}

/** What is known of a request beside what it says. */
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
          logger.warn({ path, problem: parsed.problem }, 'refused a request that is no review');
          response.status(400).type('text/plain').send(parsed.problem);
          return;
        }
        const stop = metrics.seconds.startTimer({ entry: path });
        const { receivedAt: since } = response.locals;
        const answer = await answerFor(() => admit(parsed.request, since), parsed.request, logger);
        stop();
        metrics.reviews.inc({
          entry: path,
          allowed: String(answer.allowed),
          reason: answer.allowed ? '' : answer.refusal.reason,
        });
        response.json(formatReview(parsed.request.uid, answer));
      } finally {
        body.done();
      }
    });
  }
  app.use(badBody(logger));
  return app;
}

async function answerFor(
  admit: () => Promise<AdmissionResponse>,
  request: AdmissionRequest,
  logger: Logger,
): Promise<AdmissionResponse> {
  const { namespace, name, kind, operation, uid } = request;
  const fields = { namespace, name, kind: kind.kind, operation, uid, user: request.userInfo.username };
  try {
    const answer = await admit();
    if (!answer.allowed) {
      const { cause, ...told } = answer.refusal;
      logger.info({ ...fields, ...told, ...(cause !== undefined && { err: cause }) }, 'refused');
    }
    return answer;
  } catch (error) {
    logger.error({ ...fields, err: error }, 'review failed');
    return {
      allowed: false,
      refusal: unavailable(
        'rock-mac could not answer because of an internal error.\nTry again; its log has the cause.',
      ),
    };
  }
}

/** Answers for a body that was refused. The body itself is not logged: it may hold secrets. */
function badBody(logger: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const { status, message } = error instanceof BodyRefused ? error : { status: 500, message: 'internal error' };
    logger.warn({ path: request.path, status, err: error }, 'refused a body');
    // The rest of the body may still be under way; nothing else is to come on this connection.
    response.set('Connection', 'close').status(status).type('text/plain').send(message);
  };
}
