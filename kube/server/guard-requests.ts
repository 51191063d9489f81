import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Logger } from 'pino';

/** Of a target, which may be as long as all headers together. */
const LOGGED_CHARACTERS = 200;

/** Handles one request, at once or later. It may throw or reject. */
export type RequestHandler = (request: IncomingMessage, response: ServerResponse) => void | Promise<void>;

/**
 * Turns a handler into the listener of a server. Node ends the whole process for an error that a listener throws or for a
 * promise that nobody awaits, so every server of ours listens through this. A handler that fails is answered with 500; its
 * error goes to the log and never to the caller.
 */
export function guardRequests(handle: RequestHandler, logger: Pick<Logger, 'error'>): RequestListener {
  return (request, response) => {
    void (async () => {
      try {
        await handle(request, response);
      } catch (error) {
        logger.error(
          { err: error, method: request.method, path: request.url?.slice(0, LOGGED_CHARACTERS) },
          'request failed',
        );
        answerFailure(response);
      }
    })();
  };
}

/** Half an answer cannot be taken back, so its connection is closed: the caller then knows that it is not whole. */
function answerFailure(response: ServerResponse): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.writeHead(500, { 'Content-Type': 'text/plain' }).end('internal error\n');
}

/**
 * Reads the target of a request line in origin form: a path with or without a query (RFC 9112, section 3.2.1). Returns
 * `undefined` for any other form; nobody who calls these servers uses them.
 */
export function parseTarget(target: string | undefined): URL | undefined {
  if (target?.startsWith('/') !== true) return undefined;
  // The host stands before the target: alone, a target like `//` reads as a URL without a host and throws.
  return URL.parse(`http://localhost${target}`) ?? undefined;
}
