import { once } from 'node:events';
import { createServer, type IncomingMessage, request } from 'node:http';
import { type Duplex, pipeline } from 'node:stream';
import type { Endpoint } from './sockets.ts';

/** Makes a connection to an endpoint. Rejects if nothing listens there. */
export type Dial = (target: Endpoint) => Promise<Duplex>;

/** An HTTP proxy (CONNECT) on a Unix socket. */
export interface ConnectProxy {
  readonly socketPath: string;
  close(): Promise<void>;
}

/**
 * Makes connections for processes in another network namespace: a Unix socket is a file, so it is reachable from everywhere. It
 * speaks CONNECT because the API server can use such a proxy by itself (its egress selector).
 */
export async function startConnectProxy(socketPath: string, dial: Dial): Promise<ConnectProxy> {
  const open = new Set<Duplex>();
  const server = createServer();
  server.on('connect', ({ url = '' }: IncomingMessage, client: Duplex, head: Buffer) => {
    open.add(client);
    client.once('close', () => open.delete(client));
    client.on('error', () => client.destroy());
    dial(endpointOf(url)).then(
      (upstream) => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        if (head.length > 0) upstream.write(head);
        join(client, upstream);
      },
      (error: unknown) => {
        client.end(`HTTP/1.1 502 ${error instanceof Error ? error.message.replaceAll(/\s+/g, ' ') : 'failed'}\r\n\r\n`);
      },
    );
  });
  server.listen(socketPath);
  await once(server, 'listening');
  return {
    socketPath,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of open) socket.destroy();
      await closed;
    },
  };
}

/** Returns a connection to an endpoint that the proxy makes. */
export async function connectThrough(socketPath: string, { host, port }: Endpoint): Promise<Duplex> {
  const connecting = request({ socketPath, method: 'CONNECT', path: `${host}:${port}` });
  connecting.end();
  return await new Promise((resolve, reject) => {
    connecting.once('error', reject);
    connecting.once('connect', (answer, socket, head) => {
      if (answer.statusCode === 200) {
        if (head.length > 0) socket.unshift(head);
        resolve(socket);
      } else {
        socket.destroy();
        reject(new Error(`${host}:${port}: ${answer.statusMessage ?? 'refused'}`));
      }
    });
  });
}

/** Copies between two connections. If one breaks, the other is destroyed. */
export function join(one: Duplex, other: Duplex): void {
  const ignore = () => undefined; // both ends see the error themselves
  pipeline(one, other, ignore);
  pipeline(other, one, ignore);
}

function endpointOf(authority: string): Endpoint {
  const { hostname, port } = new URL(`tcp://${authority}`);
  return { host: hostname.replaceAll(/[[\]]/g, ''), port: Number(port) };
}
