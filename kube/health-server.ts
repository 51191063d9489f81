import { createServer, type Server } from 'node:http';
import type { Server as HttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

/** What a probe may ask a process of ours, over plain HTTP and without saying who it is. */
export interface HealthServerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Whether the process can do its work at all; liveness never depends on Postgres or the API server. */
  readonly live: () => boolean;
  /** Empty: ready. Else what it waits for, for the person who reads the probe's failure. */
  readonly notReady: () => readonly string[];
}

export interface HealthServer {
  readonly port: number;
  close(): Promise<void>;
}

/** Serves /healthz and /readyz. */
export async function startHealthServer(options: HealthServerOptions): Promise<HealthServer> {
  const server = createServer((request, response) => {
    const { status, text } = answer(new URL(request.url ?? '/', 'http://localhost').pathname, options);
    response.writeHead(status, { 'Content-Type': 'text/plain' }).end(`${text}\n`);
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
  readonly text: string;
}

function answer(path: string, { live, notReady }: HealthServerOptions): HealthAnswer {
  switch (path) {
    case '/healthz':
      return live() ? { status: 200, text: 'ok' } : { status: 503, text: 'not live' };
    case '/readyz': {
      const missing = notReady();
      return missing.length === 0
        ? { status: 200, text: 'ok' }
        : { status: 503, text: `waiting for ${missing.join(', ')}` };
    }
    default:
      return { status: 404, text: 'there are /healthz and /readyz' };
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
