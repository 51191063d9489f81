import { createServer } from 'node:http';
import type { Logger } from 'pino';
import { guardRequests, parseTarget } from './guard-requests.ts';
import { listen, type Listening } from './listen.ts';

/** What a probe may ask a process of ours, over plain HTTP and without saying who it is. */
export interface HealthServerOptions {
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Whether the process can do its work at all; liveness never depends on Postgres or the API server. */
  readonly live: () => boolean;
  /** Empty: ready. Else what it waits for, for the person who reads the probe's failure. */
  readonly notReady: () => readonly string[];
  readonly logger: Pick<Logger, 'error'>;
}

/** Serves /healthz and /readyz. */
export async function startHealthServer(options: HealthServerOptions): Promise<Listening> {
  const server = createServer(
    guardRequests(({ url }, response) => {
      const { status, text } = answer(parseTarget(url)?.pathname, options);
      response.writeHead(status, { 'Content-Type': 'text/plain' }).end(`${text}\n`);
    }, options.logger),
  );
  return await listen(server, options);
}

interface HealthAnswer {
  readonly status: number;
  readonly text: string;
}

function answer(path: string | undefined, { live, notReady }: HealthServerOptions): HealthAnswer {
  switch (path) {
    case '/healthz':
      return live() ? { status: 200, text: 'ok' } : { status: 503, text: 'not live' };
    case '/readyz': {
      const missing = notReady();
      return missing.length === 0
        ? { status: 200, text: 'ok' }
        : { status: 503, text: `waiting for ${missing.join(', ')}` };
    }
    case undefined:
      return { status: 400, text: 'the target of a request must be a path' };
    default:
      return { status: 404, text: 'there are /healthz and /readyz' };
  }
}
