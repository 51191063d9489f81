import { createServer, type Server } from 'node:https';
import type { Socket } from 'node:net';
import express, { type ErrorRequestHandler, type Express } from 'express';
import type { Logger } from 'pino';
import { formatReview, parseReview, type AdmissionRequest, type Answer } from './admission-review.ts';
import type { KeyPair } from './certificates.ts';
import type { WebhookMetrics } from './metrics.ts';
import { unavailable } from './refusals.ts';

/** The largest review: two objects of etcd's 3 MiB (as JSON) and what stands around them. */
const LONGEST_BODY = '7mb';

/**
 * The API server keeps idle connections for 90 s and does not repeat a POST whose connection was closed under it, so the
 * server must be the one that waits longer. Node's own default is 5 s.
 */
const KEEP_ALIVE_MS = 120_000;

/** Answers one review. Rejecting is allowed: it becomes a refusal that can be tried again. */
export type Admit = (request: AdmissionRequest) => Promise<Answer>;

export interface WebhookServerOptions {
  /** The handler of each path. */
  readonly entries: Readonly<Record<string, Admit>>;
  readonly logger: Logger;
  readonly metrics: WebhookMetrics;
  /** Once true, every answer asks the API server to take another connection, which then leads to another replica. */
  readonly draining: () => boolean;
}

export interface WebhookServer {
  readonly https: Server;
  /**
   * Takes no new connections and resolves when the last request has its answer. What is open besides is cut then: Node
   * would wait minutes for a connection that was opened and never used, and Go's client opens some.
   */
  readonly close: () => Promise<void>;
}

/** For the last answer to leave the buffers of TLS. */
const FLUSH_MS = 100;

export function createWebhookServer(options: WebhookServerOptions, leaf: KeyPair): WebhookServer {
  const sockets = new Set<Socket>();
  let inFlight = 0;
  let closing = false;
  const cutUnused = (): void => {
    if (!closing || inFlight > 0) return;
    setTimeout(() => {
      // One more may have come meanwhile on a connection that was kept; its end calls this again.
      if (inFlight > 0) return;
      for (const socket of sockets) socket.destroy();
    }, FLUSH_MS);
  };
  const app = createApp(options, {
    began: () => {
      inFlight++;
    },
    ended: () => {
      inFlight--;
      cutUnused();
    },
  });
  const https = createServer({ cert: leaf.certificate, key: leaf.key, minVersion: 'TLSv1.2' }, app);
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
    close: () =>
      new Promise((resolve) => {
        closing = true;
        https.close(() => {
          resolve();
        });
        cutUnused();
      }),
  };
}

interface RequestHooks {
  readonly began: () => void;
  readonly ended: () => void;
}

function createApp({ entries, logger, metrics, draining }: WebhookServerOptions, hooks: RequestHooks): Express {
  const app = express();
  app.disable('x-powered-by');
  app.use((_request, response, next) => {
    hooks.began();
    response.once('close', hooks.ended);
    if (draining()) response.set('Connection', 'close');
    next();
  });
  app.use(express.json({ limit: LONGEST_BODY, type: 'application/json' }));
  for (const [path, admit] of Object.entries(entries)) {
    app.post(path, async (request, response) => {
      const body: unknown = request.body;
      const parsed = parseReview(body);
      if (!parsed.ok) {
        logger.warn({ path, problem: parsed.problem }, 'refused a request that is no review');
        response.status(400).type('text/plain').send(parsed.problem);
        return;
      }
      const stop = metrics.seconds.startTimer({ entry: path });
      const answer = await answerFor(admit, parsed.request, logger);
      stop();
      metrics.reviews.inc({
        entry: path,
        allowed: String(answer.allowed),
        reason: answer.allowed ? '' : answer.refusal.reason,
      });
      response.json(formatReview(parsed.request.uid, answer));
    });
  }
  app.use(badBody(logger));
  return app;
}

async function answerFor(admit: Admit, request: AdmissionRequest, logger: Logger): Promise<Answer> {
  const { namespace, name, kind, operation, uid } = request;
  const fields = { namespace, name, kind: kind.kind, operation, uid, user: request.userInfo.username };
  try {
    const answer = await admit(request);
    if (!answer.allowed) logger.info({ ...fields, ...answer.refusal }, 'refused');
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

/** What express.json refuses: too large, no JSON, another encoding. The body itself is not logged: it may hold secrets. */
function badBody(logger: Logger): ErrorRequestHandler {
  return (error: unknown, request, response, next) => {
    if (response.headersSent) {
      next(error);
      return;
    }
    const status =
      typeof error === 'object' && error !== null && 'status' in error && typeof error.status === 'number'
        ? error.status
        : 500;
    logger.warn({ path: request.path, status }, 'refused a body that cannot be read');
    response.status(status).type('text/plain').send('the body is no AdmissionReview in JSON');
  };
}
