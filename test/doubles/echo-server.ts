import type { Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { closeServer, connect, type Endpoint, listen } from '../env/network/sockets.ts';

/** Starts a server on loopback for one test. It sends back every chunk that it receives, after an optional prefix. */
export async function startEcho(prefix = '') {
  const sockets = new Set<Socket>();
  const received: string[] = [];
  const { server, port } = await listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('data', (piece: Buffer) => {
      received.push(piece.toString());
      socket.write(prefix + piece.toString());
    });
    socket.on('end', () => socket.end());
  });
  const breakAll = () => {
    sockets.forEach((socket) => socket.resetAndDestroy());
  };
  const close = async () => {
    const closed = closeServer(server);
    breakAll();
    await closed;
  };
  onTestFinished(close);
  return { host: '127.0.0.1', port, received, breakAll, close };
}

/** Connects a client for one test. `heard` is everything it has received so far. */
export async function startClient(endpoint: Endpoint) {
  const socket = await connect(endpoint);
  onTestFinished(() => void socket.destroy());
  let heard = '';
  socket.on('data', (piece: Buffer) => (heard += piece.toString()));
  socket.on('error', () => undefined);
  const ended = new Promise<void>((resolve) => socket.once('end', resolve).once('close', resolve));
  return {
    socket,
    say: (text: string) => socket.write(text),
    get heard() {
      return heard;
    },
    ended,
  };
}
