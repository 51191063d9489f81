import { createConnection, createServer, type Server, type Socket } from 'node:net';

/*
 * No socket waits to fill its segments (Nagle's algorithm). Otherwise the second part of a message waits up to 40 ms for the
 * acknowledgement of the first, which no real Service adds.
 */
const OPTIONS = { allowHalfOpen: true, noDelay: true } as const;

/** The address of a TCP server. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Listens on an endpoint, where port 0 means any port. Resolves with the server and its port. */
export async function listen(
  endpoint: Endpoint,
  onConnection: (socket: Socket) => void,
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer(OPTIONS, onConnection);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(listenError(endpoint, error));
    });
    server.listen({ ...endpoint, exclusive: true }, resolve);
  });
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : endpoint.port };
}

/** Resolves with a connected socket. Throws if nothing listens there. */
export function connect(endpoint: Endpoint): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ ...endpoint, ...OPTIONS });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** Stops listening. Resolves when the last open connection has ended. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}

function listenError({ host, port }: Endpoint, error: NodeJS.ErrnoException): Error {
  const advice: Record<string, string> = {
    EADDRINUSE: 'The port is in use. Choose another port, or stop the process that uses it.',
    EACCES: 'Ports below 1024 need root. Choose a port above 1023.',
    EADDRNOTAVAIL:
      'The address is not local. On Linux all of 127.0.0.0/8 is local. On other systems add it to the loopback interface.',
  };
  const next = advice[error.code ?? ''] ?? '';
  return new Error(`Cannot listen on ${host}:${port}: ${error.message}. ${next}`.trimEnd(), {
    cause: error,
  });
}
