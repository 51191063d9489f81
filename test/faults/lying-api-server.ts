import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { request } from 'node:https';
import type { ControlPlane } from '../env/kubernetes/control-plane.ts';

/** How responses to lists are corrupted: without items, cut in the middle, or refused with 503. */
export type Lie = 'none' | 'empty' | 'cut' | 'refused';

/** A proxy before the API server that corrupts the lists of one kind on request. */
export interface LyingApiServer {
  readonly url: string;
  /** Corrupts all further lists whose path ends with `path`. */
  lie(how: Lie, path?: string): void;
  close(): Promise<void>;
}

/** Starts the proxy on loopback. It forwards every request unchanged until `lie` is called. */
export async function startLyingApiServer(plane: Pick<ControlPlane, 'url' | 'caCertificate'>): Promise<LyingApiServer> {
  let current: { how: Lie; path: string } = { how: 'none', path: '' };
  const ca = plane.caCertificate;

  function isCorrupted({ method, url = '' }: IncomingMessage): boolean {
    const { pathname, searchParams } = new URL(url, 'http://proxy');
    return current.how !== 'none' && method === 'GET' && pathname.endsWith(current.path) && !searchParams.has('watch');
  }

  const server = createServer((incoming, outgoing) => {
    const corrupted = isCorrupted(incoming);
    if (corrupted && current.how === 'refused') {
      outgoing.writeHead(503, { 'content-type': 'text/plain' }).end('no');
      return;
    }
    const { method, headers } = incoming;
    const upstream = request(new URL(incoming.url ?? '', plane.url), {
      method,
      headers: { ...headers, host: new URL(plane.url).host, ...(corrupted && { 'accept-encoding': 'identity' }) },
      ca,
    });
    upstream.on('response', (response) => {
      if (corrupted) void sendCorrupted(response, outgoing, current.how);
      else {
        outgoing.writeHead(response.statusCode ?? 502, response.headers);
        outgoing.flushHeaders();
        response.pipe(outgoing);
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
      current = { how, path };
    },
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function sendCorrupted(response: IncomingMessage, outgoing: ServerResponse, how: Lie): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const list = JSON.parse(text) as { items: unknown[]; metadata: object };
  const body = how === 'empty' ? JSON.stringify({ ...list, items: [] }) : text;
  outgoing.writeHead(response.statusCode ?? 502, { 'content-type': 'application/json' });
  if (how !== 'cut') {
    outgoing.end(body);
    return;
  }
  outgoing.write(body.slice(0, body.length / 2), () => outgoing.destroy());
}
