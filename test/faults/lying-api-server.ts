import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { request } from 'node:https';
import type { ControlPlane } from '../env/kubernetes/control-plane.ts';

/** How the answers to lists are spoilt: nothing in them, cut in their middle, or refused after the first page. */
export type Lie = 'none' | 'empty' | 'cut' | 'refused';

/** Stands between a client and the API server, passes everything on, and spoils lists of one kind on request. */
export interface LyingApiServer {
  readonly url: string;
  /** From now on, for lists whose path ends so (`/pods`). */
  lie(how: Lie, path?: string): void;
  close(): Promise<void>;
}

export async function startLyingApiServer(plane: Pick<ControlPlane, 'url' | 'caCertificate'>): Promise<LyingApiServer> {
  let told: { how: Lie; path: string } = { how: 'none', path: '' };
  const ca = plane.caCertificate;

  function isSpoilt({ method, url = '' }: IncomingMessage): boolean {
    const { pathname, searchParams } = new URL(url, 'http://proxy');
    return told.how !== 'none' && method === 'GET' && pathname.endsWith(told.path) && !searchParams.has('watch');
  }

  const server = createServer((incoming, outgoing) => {
    const spoilt = isSpoilt(incoming);
    if (spoilt && told.how === 'refused') {
      outgoing.writeHead(503, { 'content-type': 'text/plain' }).end('no');
      return;
    }
    const { method, headers } = incoming;
    const upstream = request(new URL(incoming.url ?? '', plane.url), {
      method,
      headers: { ...headers, host: new URL(plane.url).host, ...(spoilt && { 'accept-encoding': 'identity' }) },
      ca,
    });
    upstream.on('response', (answer) => {
      if (spoilt) void spoil(answer, outgoing, told.how);
      else {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        outgoing.flushHeaders();
        answer.pipe(outgoing);
      }
    });
    upstream.on('error', () => outgoing.destroy());
    outgoing.on('close', () => upstream.destroy());
    incoming.pipe(upstream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${String(port)}`,
    lie: (how, path = '/pods') => {
      told = { how, path };
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function spoil(answer: IncomingMessage, outgoing: ServerResponse, how: Lie): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const list = JSON.parse(text) as { items: unknown[]; metadata: object };
  const body = how === 'empty' ? JSON.stringify({ ...list, items: [] }) : text;
  outgoing.writeHead(answer.statusCode ?? 502, { 'content-type': 'application/json' });
  if (how !== 'cut') {
    outgoing.end(body);
    return;
  }
  outgoing.write(body.slice(0, body.length / 2), () => outgoing.destroy());
}
