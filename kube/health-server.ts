import { createServer, type Server } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** What a probe or a scraper may ask a process of ours, over plain HTTP. */
export interface HealthServerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Whether the process can do its work at all; liveness never depends on Postgres or the API server. */
  readonly live: () => boolean;
  /** Empty: ready. Else what it waits for, for the person who reads the probe's failure. */
  readonly notReady: () => readonly string[];
  /** The metrics in the text format of Prometheus, and their content type. */
  readonly metrics: () => Promise<{ readonly contentType: string; readonly text: string }>;
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves /healthz, /readyz and /metrics. */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    answer(new URL(request.url ?? '/', 'http://localhost').pathname, options).then(
      ({ status, contentType, text }) => response.writeHead(status, { 'Content-Type': contentType }).end(text),
      () => response.writeHead(500).end(),
    );
  });
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
}

interface HealthAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

async function answer(path: string, options: HealthServerOptions): Promise<HealthAnswer> {
  const plain = (status: number, text: string): HealthAnswer => ({
    status,
    contentType: 'text/plain',
    text: `${text}\n`,
  });
  switch (path) {
    case '/healthz':
      return options.live() ? plain(200, 'ok') : plain(503, 'not live');
    case '/readyz': {
      const missing = options.notReady();
      return missing.length === 0 ? plain(200, 'ok') : plain(503, `waiting for ${missing.join(', ')}`);
    }
    case '/metrics':
      return { status: 200, ...(await options.metrics()) };
    default:
      return plain(404, 'there are /healthz, /readyz and /metrics');
  }
}

/** Resolves when the server listens; rejects with the reason (a port in use, say). */
export async function listen(server: Server | HttpsServer, at: { host: string; port: number }): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}
