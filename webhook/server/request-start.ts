import type { Server } from 'node:https';
import type { Socket } from 'node:net';

/** Tells since when the sender of a request waits for its answer. */
export interface Arrivals {
  /** In milliseconds since 1970. To be asked when the headers of a request are read. */
  of(socket: Socket): number;
}

/** A request that comes later than this after its connection was made is not the one that it was opened for. */
const AT_ONCE_MS = 1_000;

/**
 * The API server counts its 5 s from the moment at which it opens a connection. Of two hundred objects at once, most come on
 * connections of their own, and on a busy node their handshakes take a second or two: that time is gone when their
 * requests are read. Connections are also opened in advance; such a one waits for nothing.
 */
export function watchArrivals(server: Server, now: () => number = Date.now): Arrivals {
  /** Of each connection that has sent no request: when it was accepted, and when its handshake was done. */
  const fresh = new Map<string, { readonly acceptedAt: number; securedAt?: number }>();

  server.on('connection', (socket: Socket) => {
    const peer = peerOf(socket);
    fresh.set(peer, { acceptedAt: now() });
    socket.once('close', () => fresh.delete(peer));
  });
  server.on('secureConnection', (socket: Socket) => {
    const connection = fresh.get(peerOf(socket));
    if (connection !== undefined) connection.securedAt = now();
  });

  return {
    of: (socket) => {
      const peer = peerOf(socket);
      const connection = fresh.get(peer);
      fresh.delete(peer);
      const openedForIt = connection?.securedAt !== undefined && now() - connection.securedAt < AT_ONCE_MS;
      return openedForIt ? connection.acceptedAt : now();
    },
  };
}

/** The raw socket and the one of TLS on it are two objects with nothing public in common but this. */
function peerOf({ remoteAddress, remotePort }: Socket): string {
  return `${String(remoteAddress)} ${String(remotePort)}`;
}
