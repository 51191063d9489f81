import { Agent, type Dispatcher, ProxyAgent, Socks5ProxyAgent } from 'undici';
import type { ClientMetrics, ReconnectReason } from '../metrics.ts';
import type { Credentials } from './credentials.ts';
import { KubeConnectionError } from './errors.ts';

/** The pooled connections to the API server. */
export interface Connections {
  /** Returns the connections for these credentials. Replaces those of earlier credentials. */
  for(credentials: Credentials): Dispatcher;
  /** Lets running requests end on these connections; new requests use new ones. */
  retire(dispatcher: Dispatcher, reason: ReconnectReason): void;
  /** Ends all connections and their requests. */
  close(): Promise<void>;
}

/**
 * Idle connections are closed well before the API server closes them (after 90 s, the usual IdleTimeout of Go), so that no
 * request is written into a closing connection.
 */
const KEEP_ALIVE_TIMEOUT_MS = 30_000;

const CONNECT_TIMEOUT_MS = 5_000;

/** The interval of TCP keep-alive probes: the value of client-go, below the usual 60 s limit of load balancers. */
const KEEP_ALIVE_PROBE_MS = 30_000;

export function createConnections({
  maxConnections,
  metrics,
}: {
  readonly maxConnections: number;
  readonly metrics: ClientMetrics | undefined;
}): Connections {
  let pool: { readonly dispatcher: Dispatcher; readonly key: string } | undefined;
  const retired = new Set<Dispatcher>();
  let closed = false;

  function retire(dispatcher: Dispatcher, reason: ReconnectReason): void {
    if (pool?.dispatcher !== dispatcher) return;
    pool = undefined;
    retired.add(dispatcher);
    // Rejects when the whole client is closed first.
    void Promise.allSettled([dispatcher.close()]).then(() => retired.delete(dispatcher));
    metrics?.reconnect?.(reason);
  }

  return {
    for: (credentials) => {
      if (closed) throw new KubeConnectionError('the client is closed', { code: 'CLOSED', sent: false });
      const key = credentials.connectionKey;
      if (pool !== undefined && pool.key !== key) retire(pool.dispatcher, 'credentials');
      pool ??= { dispatcher: createDispatcher(credentials, maxConnections), key };
      return pool.dispatcher;
    },
    retire,
    close: async () => {
      closed = true;
      const all = [...(pool === undefined ? [] : [pool.dispatcher]), ...retired];
      pool = undefined;
      await Promise.all(all.map((dispatcher) => dispatcher.destroy()));
    },
  };
}

function createDispatcher({ proxyUrl, tls }: Credentials, maxConnections: number): Dispatcher {
  const options = {
    // With HTTP/2 all requests would share one connection, whose silent death would stop every watch at once.
    allowH2: false,
    connections: maxConnections,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    keepAliveMaxTimeout: KEEP_ALIVE_TIMEOUT_MS,
  };
  const connect = {
    ...tls,
    timeout: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    keepAliveInitialDelay: KEEP_ALIVE_PROBE_MS,
  };
  if (proxyUrl === undefined) return new Agent({ ...options, connect });
  if (proxyUrl.startsWith('socks')) return new Socks5ProxyAgent(proxyUrl, { ...options, requestTls: connect });
  return new ProxyAgent({ ...options, uri: proxyUrl, requestTls: connect });
}
