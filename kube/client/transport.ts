import type { Readable } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Clock } from '../../time/clock.ts';
import { type Deadline, startDeadline } from '../../time/deadline.ts';
import type { ClientMetrics } from '../metrics.ts';
import { createConnections } from './connections.ts';
import type { Credentials, CredentialSource } from './credentials.ts';
import { KubeConnectionError } from './errors.ts';
import { parseWarnings } from './warnings.ts';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface HttpRequest {
  readonly method: HttpMethod;
  /** Includes the query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For the whole response; for a stream, until its first byte. */
  readonly timeoutMs: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly warnings: readonly string[];
  readonly text: string;
}

export interface StreamLimits {
  /** A connection without data for this long counts as dead. */
  readonly idleTimeoutMs: number;
  /** The maximum lifetime of the stream. */
  readonly guardMs: number;
}

/** Sends single attempts over pooled connections with the current credentials. It retries only after a 401. */
export interface Transport {
  /** @throws KubeConnectionError; the reason of the caller's signal; any error of the credentials */
  request(request: HttpRequest): Promise<HttpResponse>;
  /**
   * Returns the body of a successful response in chunks, and any other response as a whole.
   * The stream ends without an error when the caller's signal fires.
   */
  stream(request: HttpRequest, limits: StreamLimits): Promise<HttpResponse | AsyncIterable<Uint8Array>>;
  close(): Promise<void>;
}

export function createTransport(options: {
  readonly credentials: CredentialSource;
  readonly maxConnections: number;
  readonly clock: Clock;
  readonly metrics?: ClientMetrics | undefined;
}): Transport {
  const { credentials, maxConnections, clock, metrics } = options;
  const connections = createConnections({ maxConnections, metrics });

  async function open(request: HttpRequest, current: Credentials, deadline: Deadline, idleTimeoutMs: number) {
    const dispatcher = connections.for(current);
    const url = new URL(current.server + request.path);
    try {
      return await dispatcher.request({
        origin: url.origin,
        path: url.pathname + url.search,
        method: request.method,
        headers: { ...request.headers, ...current.headers },
        body: request.body ?? null,
        signal: deadline.signal,
        headersTimeout: 0,
        bodyTimeout: idleTimeoutMs,
        // undici would close the connection after each DELETE, because a body is unusual there. The API server expects it.
        reset: false,
      });
    } catch (error) {
      // After a timeout the peer of every pooled connection may be dead (a node without power sends no reset), so none
      // of them is used again.
      if (deadline.expired) connections.retire(dispatcher, 'timeout');
      else credentials.expire();
      throw error;
    }
  }

  /** Retries once with fresh credentials after a 401. This is safe even for a write, because nothing was executed. */
  async function openAuthorised(request: HttpRequest, deadline: Deadline, idleTimeoutMs: number) {
    const first = await credentials.get();
    const response = await open(request, first, deadline, idleTimeoutMs);
    if (response.statusCode !== 401) return response;
    await response.body.dump();
    credentials.reject(first);
    return await open(request, await credentials.get(), deadline, idleTimeoutMs);
  }

  return {
    request: async (request) => {
      const deadline = startDeadline(request.timeoutMs, clock, request.signal);
      try {
        return await readResponse(await openAuthorised(request, deadline, 0));
      } catch (error) {
        throw toCallerError(error, request, deadline);
      } finally {
        deadline.clear();
      }
    },

    stream: async (request, limits) => {
      const deadline = startDeadline(request.timeoutMs, clock, request.signal);
      try {
        const response = await openAuthorised(request, deadline, limits.idleTimeoutMs);
        if (response.statusCode !== 200) {
          return await readResponse(response).finally(() => {
            deadline.clear();
          });
        }
        deadline.restart(limits.guardMs);
        return readChunks(response.body, request, deadline);
      } catch (error) {
        deadline.clear();
        throw toCallerError(error, request, deadline);
      }
    },

    close: () => connections.close(),
  };
}

async function readResponse({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<HttpResponse> {
  const retryAfter = headers['retry-after'];
  return {
    status: statusCode,
    retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
    warnings: parseWarnings(headers['warning']),
    text: await body.text(),
  };
}

async function* readChunks(body: Readable, request: HttpRequest, deadline: Deadline): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk as Uint8Array;
  } catch (error) {
    if (request.signal?.aborted !== true) throw toCallerError(error, request, deadline);
  } finally {
    deadline.clear();
    // A reader that stops early must also end the watch.
    body.destroy();
  }
}

/** Returns the error for the caller. Messages name the path without its query, which may be very long. */
function toCallerError(error: unknown, request: HttpRequest, deadline: Deadline): unknown {
  if (request.signal?.aborted === true) return request.signal.reason;
  const what = `${request.method} ${request.path.replace(/\?.*$/, '')}`;
  if (deadline.expired) return new KubeConnectionError(`${what}: no response in time`, { code: 'TIMEOUT', sent: true });
  if (!(error instanceof Error) || !('code' in error) || error instanceof KubeConnectionError) return error;
  return new KubeConnectionError(`${what}: ${error.message === '' ? String(error.code) : error.message}`, {
    code: String(error.code),
    sent: !wasNeverSent(error),
  });
}

/** Errors of the connect phase. Certificates are checked before the first byte of a request is written. */
const CONNECT_ERROR_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'UND_ERR_CONNECT_TIMEOUT',
  'CERT_HAS_EXPIRED',
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'ERR_TLS_CERT_ALTNAME_INVALID',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

function wasNeverSent(error: Error): boolean {
  if ('code' in error && CONNECT_ERROR_CODES.has(String(error.code))) return true;
  // ETIMEDOUT and EHOSTUNREACH can also end an established connection; only the system call distinguishes them.
  return 'syscall' in error && (error.syscall === 'connect' || error.syscall === 'getaddrinfo');
}
