import type { IncomingMessage, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { Logger } from 'pino';
import { parseTarget, type RequestHandler } from '../../kube/server/guard-requests.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { answer, notAllowed, notThere, type Answering } from './respond.ts';
import { callerOf, type Peer } from './caller.ts';
import type { FrontProxy } from './front-proxy.ts';
import type { ReadApiMetrics } from './metrics.ts';
import { badRequest, Problem, statusOf } from './problem.ts';
import { routeOf, type Route } from './route.ts';

export interface ListenerOptions extends Answering {
  /** `undefined` until the cluster has said who may ask. */
  readonly frontProxy: () => FrontProxy | undefined;
  readonly metrics: Pick<ReadApiMetrics, 'answered'>;
  readonly logger: Logger;
  /** Once true, every answer asks the API server to take another connection, which then leads to another replica. */
  readonly draining: () => boolean;
}

/** Answers requests that the API server passes on: who asks, then what, then the answer or a Status. */
export function createListener(options: ListenerOptions): RequestHandler {
  return async (request, response) => {
    const started = performance.now();
    const url = parseTarget(request.url);
    const route = url === undefined ? undefined : routeOf(url.pathname);
    if (options.draining()) response.setHeader('Connection', 'close');
    const code = await respond(request, response, { url, route }, options);
    options.metrics.answered({ route: route?.route ?? 'none', code, durationMs: performance.now() - started });
  };
}

interface Target {
  /** `undefined` where the target of the request is no path. */
  readonly url: URL | undefined;
  readonly route: Route | undefined;
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  target: Target,
  options: ListenerOptions,
): Promise<number> {
  try {
    send(response, 200, await answerTo(request, target, options));
    return 200;
  } catch (error) {
    const problem = problemOf(error, target.url?.pathname, options.logger);
    send(response, problem.code, statusOf(problem));
    return problem.code;
  }
}

async function answerTo(request: IncomingMessage, { url, route }: Target, options: ListenerOptions): Promise<unknown> {
  const proxy = options.frontProxy();
  if (proxy === undefined) throw unavailable('it does not know yet which front proxy to trust: try again');
  const caller = callerOf(request.headersDistinct, peerOf(request), proxy);
  if (url === undefined) throw badRequest('the target of a request must be a path');
  if (route === undefined) throw notThere();
  if (request.method !== 'GET') throw notAllowed('this API is for reading only: write MacAllocations instead');
  return await answer(route, { caller, query: url.searchParams, accept: request.headers.accept ?? '' }, options);
}

function peerOf({ socket }: IncomingMessage): Peer {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return { trusted: false, commonName: undefined };
  const { CN: name } = socket.getPeerCertificate().subject;
  return { trusted: true, commonName: Array.isArray(name) ? name[0] : name };
}

/** What went wrong, in words for the one who asked; its cause stays in the log. */
function problemOf(error: unknown, path: string | undefined, logger: Logger): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof LedgerError && error.code === 'BAD_REQUEST') return badRequest(error.message);
  logger.warn({ err: error, path }, 'could not answer a request to the read API');
  if (error instanceof LedgerError) {
    return unavailable(`the ledger cannot be asked (${error.code}): try again. The operator's log has the cause`);
  }
  return unavailable("it could not answer: try again. The operator's log has the cause");
}

function unavailable(message: string): Problem {
  return new Problem(503, 'ServiceUnavailable', `rock-mac's read API: ${message}`);
}

function send(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(body));
}
