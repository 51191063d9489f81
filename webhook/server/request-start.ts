import type { Server } from 'node:https';
import type { Socket } from 'node:net';

/** Returns the time since which the sender of a request waits, in milliseconds since 1970. Call it when its headers are read. */
export type RequestStart = (socket: Socket) => number;

/** A request that arrives later than this after the handshake is not the one for which the connection was opened. */
const FIRST_REQUEST_MS = 1_000;

/**
 * Measures the start of a request from its connection. The API server's 5 s start when it opens the connection. If 200
 * objects arrive at once, most of them use new connections. On a busy node a handshake takes a second or two, which has
 * passed already when the request is read. Does not count the age of a connection that was opened in advance.
 */
export function watchRequestStarts(server: Server, now: () => number = Date.now): RequestStart {
  /** For each connection without a request so far: when it was accepted, and when its handshake ended. */
  const unused = new Map<string, { readonly acceptedAt: number; securedAt?: number }>();

  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    unused.set(peer, { acceptedAt: now() });
    socket.once('close', () => unused.delete(peer));
  });
  server.on('secureConnection', (socket: Socket) => {
    const connection = unused.get(peerOf(socket));
    if (connection !== undefined) connection.securedAt = now();
  });

  return (socket) => {
    const peer = peerOf(socket);
    const connection = unused.get(peer);
    unused.delete(peer);
    const isOpenedForRequest = connection?.securedAt !== undefined && now() - connection.securedAt < FIRST_REQUEST_MS;
    return isOpenedForRequest ? connection.acceptedAt : now();
  };
}

/** The raw socket and its TLS socket are two objects. The peer's address and port is all that both expose. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${String(remoteAddress)} ${String(remotePort)}`;
}
