import type { Readable } from 'node:stream';
import { Agent, ProxyAgent, Socks5ProxyAgent, type Dispatcher } from 'undici';
import type { Clock } from '../time/clock.ts';
import type { Credentials, CredentialSource } from './credentials.ts';
import { startDeadline, type Deadline } from '../time/deadline.ts';
import { KubeConnectionError } from './errors.ts';
import type { ClientMetrics, ReconnectReason } from '../metrics.ts';

export type HttpMethod = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export interface HttpRequest {
  readonly method: HttpMethod;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For the whole answer; of a stream, until its first byte is due. */
  readonly timeoutMs: number;
}

export interface HttpResponse {
  readonly status: number;
  readonly retryAfter: string | undefined;
  readonly text: string;
}

export interface StreamLimits {
  /** With nothing to read for so long, the connection is taken for dead. */
  readonly idleTimeoutMs: number;
  /** The stream may not live longer than this, whatever comes. */
  readonly guardMs: number;
}

/** One attempt at a time, over kept connections, as who we are just now. It repeats nothing but what a 401 refused. */
export interface Transport {
  /** @throws KubeConnectionError; the reason of the caller's signal; what the credentials throw */
  request(request: HttpRequest): Promise<HttpResponse>;
  /**
   * The body of a successful answer piece by piece; any other answer whole.
   * Ends without an error when the caller's signal fires.
   */
  stream(request: HttpRequest, limits: StreamLimits): Promise<HttpResponse | AsyncIterable<Uint8Array>>;
  close(): Promise<void>;
}

/**
 * Idle connections are dropped well before the API server drops them (90 s: its http.Server has Go's usual
 * IdleTimeout), so that a request is not written into a connection that is just being closed.
 */
const keepAliveTimeoutMs = 30_000;

const connectTimeoutMs = 5_000;

/** TCP probes of an idle connection, such as a quiet watch's; client-go's value, below the usual 60 s of balancers. */
const keepAliveProbeMs = 30_000;

export function createTransport(options: {
  readonly credentials: CredentialSource;
  readonly maxConnections: number;
  readonly clock: Clock;
  readonly metrics?: ClientMetrics | undefined;
}): Transport {
  const { credentials, maxConnections, clock, metrics } = options;
  let pool: { dispatcher: Dispatcher; key: string } | undefined;
  const retired = new Set<Dispatcher>();
  let closed = false;

  function dispatcherFor(current: Credentials): Dispatcher {
    if (closed) throw new KubeConnectionError('the client is closed', { code: 'CLOSED', sent: false });
    if (pool !== undefined && pool.key !== current.connectionKey) retire(pool.dispatcher, 'credentials');
    pool ??= { dispatcher: createDispatcher(current, maxConnections), key: current.connectionKey };
    return pool.dispatcher;
  }

  /** What still runs on the old connections may end there; nothing new is begun on them. */
  function retire(dispatcher: Dispatcher, reason: ReconnectReason): void {
    if (pool?.dispatcher !== dispatcher) return;
    pool = undefined;
    retired.add(dispatcher);
    // It rejects when the whole client is closed before.
    void Promise.allSettled([dispatcher.close()]).then(() => retired.delete(dispatcher));
    metrics?.reconnect?.(reason);
  }

  async function open(request: HttpRequest, current: Credentials, deadline: Deadline, idleTimeoutMs: number) {
    const dispatcher = dispatcherFor(current);
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
      });
    } catch (error) {
      // Silence can mean that the other end of every kept connection is gone (a node that lost its power sends no
      // reset), so that none of them is used again.
      if (deadline.expired) retire(dispatcher, 'timeout');
      else credentials.expire();
      throw error;
    }
  }

  /** A 401 says that nothing was done; once, with credentials read anew, even a write may be sent again. */
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
        throw explain(error, request, deadline);
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
        throw explain(error, request, deadline);
      }
    },

    close: async () => {
      closed = true;
      const all = [...(pool === undefined ? [] : [pool.dispatcher]), ...retired];
      pool = undefined;
      await Promise.all(all.map((dispatcher) => dispatcher.destroy()));
    },
  };
}

async function readResponse({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<HttpResponse> {
  const retryAfter = headers['retry-after'];
  return {
    status: statusCode,
    retryAfter: typeof retryAfter === 'string' ? retryAfter : undefined,
    text: await body.text(),
  };
}

async function* readChunks(body: Readable, request: HttpRequest, deadline: Deadline): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of body) yield chunk as Uint8Array;
  } catch (error) {
    if (request.signal?.aborted !== true) throw explain(error, request, deadline);
  } finally {
    deadline.clear();
    // A reader that leaves early must not leave a watch running behind it.
    body.destroy();
  }
}

/** What the caller hears of a failed attempt. Messages name the path without its query, which may be very long. */
function explain(error: unknown, request: HttpRequest, deadline: Deadline): unknown {
  if (request.signal?.aborted === true) return request.signal.reason;
  const what = `${request.method} ${request.path.replace(/\?.*$/, '')}`;
  if (deadline.expired) return new KubeConnectionError(`${what}: no answer in time`, { code: 'TIMEOUT', sent: true });
  if (!(error instanceof Error) || !('code' in error) || error instanceof KubeConnectionError) return error;
  return new KubeConnectionError(`${what}: ${error.message === '' ? String(error.code) : error.message}`, {
    code: String(error.code),
    sent: !wasNeverSent(error),
  });
}

/** Failures to connect. Certificates are checked before the first byte of a request is written. */
const codesBeforeSending: ReadonlySet<string> = new Set([
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
  if ('code' in error && codesBeforeSending.has(String(error.code))) return true;
  // The same code (ETIMEDOUT, EHOSTUNREACH) may also end an established connection; the system call tells.
  return 'syscall' in error && (error.syscall === 'connect' || error.syscall === 'getaddrinfo');
}

function createDispatcher({ proxyUrl, tls }: Credentials, maxConnections: number): Dispatcher {
  const options = {
    // HTTP/1.1: requests do not share one connection, whose silent death would stop every watch at once.
    allowH2: false,
    connections: maxConnections,
    keepAliveTimeout: keepAliveTimeoutMs,
    keepAliveMaxTimeout: keepAliveTimeoutMs,
  };
  const connect = {
    ...tls,
    timeout: connectTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveProbeMs,
  };
  if (proxyUrl === undefined) return new Agent({ ...options, connect });
  if (proxyUrl.startsWith('socks')) return new Socks5ProxyAgent(proxyUrl, { ...options, requestTls: connect });
  return new ProxyAgent({ ...options, uri: proxyUrl, requestTls: connect });
}
