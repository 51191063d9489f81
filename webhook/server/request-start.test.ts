import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeCa, makeServingCertificate } from '../../kube/server/certificates.ts';
import { listen } from '../../kube/server/listen.ts';
import { watchRequestStarts } from './request-start.ts';

/** Only the tests advance this clock, so a slow machine changes no result. */
let clock = 0;
let server: Server;
let raw: Socket;
let seen: number[];

beforeEach(async () => {
  clock = 0;
  seen = [];
  const ca = await makeCa(Date.now(), 3_600_000);
  const servingPair = await makeServingCertificate(ca, ['localhost'], Date.now(), 3_600_000);
  server = createServer({ cert: servingPair.certificate, key: servingPair.key });
  const requestStart = watchRequestStarts(server, () => clock);
  server.on('request', (request, response) => {
    seen.push(requestStart(request.socket));
    response.end('ok');
  });
  const { port } = await listen(server, { host: '127.0.0.1', port: 0 });
  const accepted = once(server, 'connection');
  raw = connect(port, '127.0.0.1');
  await accepted;
});

afterEach(async () => {
  raw.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

async function shakeHands(): Promise<TLSSocket> {
  const secured = once(server, 'secureConnection');
  const socket = connectTls({ socket: raw, rejectUnauthorized: false });
  await secured;
  return socket;
}

async function sendRequest(socket: TLSSocket): Promise<void> {
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
}

test('the first request counts from the opening of its connection, however long the handshake took', async () => {
  clock = 1_800;
  await sendRequest(await shakeHands());
  expect(seen).toEqual([0]);
});

test('a later request on the same connection counts from its own arrival', async () => {
  const socket = await shakeHands();
  await sendRequest(socket);
  clock = 100;
  await sendRequest(socket);
  expect(seen).toEqual([0, 100]);
});

test('a request on a connection that was opened in advance counts from its own arrival', async () => {
  const socket = await shakeHands();
  clock = 60_000;
  await sendRequest(socket);
  expect(seen).toEqual([60_000]);
});
