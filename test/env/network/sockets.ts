import { createConnection, createServer, type Server, type Socket } from 'node:net';

/** Where a TCP server is. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** Listens, and resolves with the server and the port it got (port 0: any). Throws with what to do about it. */
export async function listen(
  endpoint: Endpoint,
  onConnection: (socket: Socket) => void,
): Promise<{ readonly server: Server; readonly port: number }> {
  const server = createServer({ allowHalfOpen: true }, onConnection);
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(listenError(endpoint, error));
    });
    server.listen({ ...endpoint, exclusive: true }, resolve);
  });
  const address = server.address();
  return { server, port: typeof address === 'object' && address !== null ? address.port : endpoint.port };
}

/** Resolves with a connected socket. Throws when nobody listens there. */
export function connect(endpoint: Endpoint): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ ...endpoint, allowHalfOpen: true });
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.off('error', reject);
      resolve(socket);
    });
  });
}

/** Stops listening. Its connections are not touched, and it is not closed before they are. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}

function listenError({ host, port }: Endpoint, error: NodeJS.ErrnoException): Error {
  const advice: Record<string, string> = {
    EADDRINUSE: 'Something listens there already; choose another port, or end who holds it.',
    EACCES: 'Ports below 1024 need root here; choose a port above 1023.',
    EADDRNOTAVAIL:
      'The address is not local. On Linux all of 127.0.0.0/8 is; elsewhere add it to the loopback interface.',
  };
  const next = advice[error.code ?? ''] ?? '';
  return new Error(`Cannot listen on ${host}:${port}: ${error.message}. ${next}`.trimEnd(), {
    cause: error,
  });
}
