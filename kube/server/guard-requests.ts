import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Logger } from 'pino';

/** Limits the logged request target, which may be as long as all headers together. */
const MAX_LOGGED_CHARACTERS = 200;

/** Handles one request. It may throw or reject. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/**
 * Wraps a handler as the listener of a server. Node ends the process when a listener throws or its promise rejects, so every
 * server uses this. A failed handler gives a 500 response; its error is logged and never sent to the caller.
 */
export function guardRequests(handle: RequestHandler, logger: Pick<Logger, 'error'>): RequestListener {
  return (request, response) => {
    void (async () => {
      try {
        await handle(request, response);
      } catch (error) {
        logger.error(
          { err: error, method: request.method, path: request.url?.slice(0, MAX_LOGGED_CHARACTERS) },
          'request failed',
        );
        sendFailure(response);
      }
    })();
  };
}

/** Sends a 500, or closes the connection after a partial response, so that the caller sees that it is incomplete. */
function sendFailure(response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(500, { 'Content-Type': 'text/plain' }).end('internal error\n');
}

/**
 * Parses a request target in origin form: a path with or without a query (RFC 9112, section 3.2.1). Returns undefined for
 * any other form; no client of these servers uses one.
 */
export function parseRequestTarget(target: string | undefined): URL | undefined {
  if (target?.startsWith('/') !== true) return undefined;
  // With a host in front, because a target like `//` alone parses as a URL without a host.
  return URL.parse(`http://localhost${target}`) ?? undefined;
}
