import { createServer } from 'node:http';
import type { Logger } from 'pino';
import { guardRequests, parseRequestTarget } from './guard-requests.ts';
import { listen, type RunningServer } from './listen.ts';

/** The probes of a process, over plain HTTP and without authentication. */
export interface HealthServerOptions {
  readonly host: string;
  /** 0 selects a free port. */
  readonly port: number;
  /** What the process waits for, for people who read the failed probe; empty means ready. */
  readonly notReady: () => readonly string[];
  readonly logger: Pick<Logger, 'error'>;
}

/** Serves /healthz and /readyz. */
export async function startHealthServer(options: HealthServerOptions): Promise<RunningServer> {
  const server = createServer(
    guardRequests(({ url }, response) => {
      const { status, text } = respond(parseRequestTarget(url)?.pathname, options);
      response.writeHead(status, { 'Content-Type': 'text/plain' }).end(`${text}\n`);
    }, options.logger),
  );
  return await listen(server, options);
}

interface HealthResponse {
  readonly status: number;
  readonly text: string;
}

function respond(path: string | undefined, { notReady }: HealthServerOptions): HealthResponse {
  switch (path) {
    case '/healthz':
      // The response is the proof. A restart would not repair Postgres or the API server.
      return { status: 200, text: 'ok' };
    case '/readyz': {
      const missing = notReady();
      return missing.length === 0
        ? { status: 200, text: 'ok' }
        : { status: 503, text: `waiting for ${missing.join(', ')}` };
    }
    case undefined:
      return { status: 400, text: 'the target of a request must be a path' };
    default:
      return { status: 404, text: 'only /healthz and /readyz are served' };
  }
}
