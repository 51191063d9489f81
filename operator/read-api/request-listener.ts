import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Logger } from 'pino';
import { peerOf } from '../../kube/server/client-certificate.ts';
import { parseRequestTarget, type RequestHandler } from '../../kube/server/guard-requests.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { authenticateCaller } from './authenticate-caller.ts';
import type { FrontProxy } from './front-proxy.ts';
import { handleRoute, type ReadRequest, type RouteDeps } from './handle-route.ts';
import type { ReadApiMetrics } from './metrics.ts';
import { parseRoute, type Route } from './parse-route.ts';
import { badRequest, methodNotAllowed, pathNotFound, StatusError, toStatus } from './status-error.ts';

export interface ListenerDeps extends RouteDeps {
  /** Returns `undefined` until the cluster's configuration of the front proxy is read. */
  readonly frontProxy: () => FrontProxy | undefined;
  readonly metrics: Pick<ReadApiMetrics, 'requestHandled'>;
  readonly logger: Logger;
  /** While true, every response closes its connection, so that the API server connects to another replica. */
  readonly draining: () => boolean;
}

/** Handles requests that the API server forwards. Authenticates the caller, then sends the object or a Status. */
export function createRequestListener(deps: ListenerDeps): RequestHandler {
  return async (request, response) => {
    const started = performance.now();
    const url = parseRequestTarget(request.url);
    const route = url === undefined ? undefined : parseRoute(url.pathname);
    if (deps.draining()) response.setHeader('Connection', 'close');
    const code = await sendResponse(request, response, { url, route }, deps);
    // A client that waits says nothing about the speed of lists.
    const waits = url?.searchParams.has('waitSeconds') === true;
    deps.metrics.requestHandled({
      route: waits ? 'wait' : (route?.route ?? 'none'),
      code,
      durationMs: performance.now() - started,
    });
  };
}

interface RequestTarget {
  /** `undefined` if the target of the request is not a path. */
  readonly url: URL | undefined;
  readonly route: Route | undefined;
}

/** Sends the response and returns its HTTP status code. */
async function sendResponse(
  request: IncomingMessage,
  response: ServerResponse,
  target: RequestTarget,
  deps: ListenerDeps,
): Promise<number> {
  const closed = new AbortController();
  response.once('close', () => {
    closed.abort();
  });
  try {
    sendJson(response, 200, await handleRequest(request, { ...target, signal: closed.signal }, deps));
    return 200;
  } catch (error) {
    const statusError = toStatusError(error, target.url?.pathname, deps.logger);
    sendJson(response, statusError.code, toStatus(statusError));
    return statusError.code;
  }
}

async function handleRequest(
  request: IncomingMessage,
  { url, route, signal }: RequestTarget & Pick<ReadRequest, 'signal'>,
  deps: ListenerDeps,
): Promise<unknown> {
  const proxy = deps.frontProxy();
  if (proxy === undefined) throw unavailable('the configuration of the front proxy is not known yet: try again');
  const caller = authenticateCaller(request.headersDistinct, peerOf(request), proxy);
  if (url === undefined) throw badRequest('the target of a request must be a path');
  if (route === undefined) throw pathNotFound();
  if (request.method !== 'GET') throw methodNotAllowed('this API is read-only: write MacAllocations instead');
  const accept = request.headers.accept ?? '';
  return await handleRoute(route, { caller, query: url.searchParams, accept, signal }, deps);
}

/** Returns the error for the client. Unexpected errors are logged, and the client gets no details of them. */
function toStatusError(error: unknown, path: string | undefined, logger: Logger): StatusError {
  if (error instanceof StatusError) return error;
  if (error instanceof LedgerError && error.code === 'BAD_REQUEST') return badRequest(error.message);
  logger.warn({ err: error, path }, 'could not handle a request to the read API');
  if (error instanceof LedgerError) {
    return unavailable(`the ledger cannot be read (${error.code}): try again. The log of the operator has the cause`);
  }
  return unavailable('the request failed: try again. The log of the operator has the cause');
}

function unavailable(message: string): StatusError {
  return new StatusError(503, 'ServiceUnavailable', `rock-mac's read API: ${message}`);
}

function sendJson(response: ServerResponse, code: number, body: unknown): void {
  response.writeHead(code, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
  response.end(JSON.stringify(body));
}
