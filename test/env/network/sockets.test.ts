import type { Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { startServiceForwarder } from './service-forwarder.ts';
import { closeServer, connect, type Endpoint, listen } from './sockets.ts';
import { startTcpProxy } from './tcp-proxy.ts';

const MESSAGES = 50;

/** Starts a server that answers each message of two bytes. */
async function startServer(): Promise<Endpoint> {
  const { server, port } = await listen({ host: '127.0.0.1', port: 0 }, (socket) => {
    let bytes = 0;
    socket.on('error', () => socket.destroy());
    socket.on('end', () => socket.end());
    socket.on('data', ({ length }: Buffer) => {
      bytes += length;
      if (bytes % 2 === 0) void sendInTwo(socket, 'answer');
    });
  });
  onTestFinished(() => closeServer(server));
  return { host: '127.0.0.1', port };
}

/** Sends a text in two segments, as a TLS connection sends its records. */
async function sendInTwo(socket: Socket, text: string): Promise<void> {
  socket.write(text.slice(0, 1));
  await turn();
  socket.write(text.slice(1));
}

async function answer(socket: Socket): Promise<void> {
  let heard = 0;
  await new Promise<void>((resolve) => {
    const hear = ({ length }: Buffer) => {
      heard += length;
      if (heard < 'answer'.length) return;
      socket.off('data', hear);
      resolve();
    };
    socket.on('data', hear);
  });
}

test.each([
  [
    'a Service forwarder',
    (target: Endpoint) => startServiceForwarder({ clusterIp: '127.63.7.9', port: 0, targets: [target] }),
  ],
  ['a TCP proxy', startTcpProxy],
])('%s does not wait for an acknowledgement before it sends the rest of a message', async (_, start) => {
  const between = await start(await startServer());
  onTestFinished(() => between.close());
  const client = await connect(between);
  onTestFinished(() => void client.destroy());
  const started = performance.now();
  for (let message = 0; message < MESSAGES; message++) {
    const answered = answer(client);
    await sendInTwo(client, '??');
    await answered;
  }
  // Linux delays an acknowledgement by 40 ms.
  expect((performance.now() - started) / MESSAGES).toBeLessThan(20);
});
