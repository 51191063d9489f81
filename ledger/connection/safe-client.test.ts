import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { migrate } from '../migrate.ts';
import { openLedger } from './connect.ts';

/*
 * A server that answers at the address of the ledger and asks for the password.
 */

const PASSWORD = 's3cret-of-the-ledger';
const CLEAR_TEXT = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);
const MD5 = Buffer.from([0x52, 0, 0, 0, 12, 0, 0, 0, 5, 1, 2, 3, 4]);

const running: Server[] = [];
afterEach(() => {
  for (const server of running.splice(0)) server.close();
});

/** Starts such a server. Returns its URL, and everything that it receives after its request. */
async function startThief(
  request: Buffer,
): Promise<{ url: string; received: () => Buffer; connections: () => number }> {
  const received: Buffer[] = [];
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(request);
      socket.on('data', (data) => received.push(data));
    });
  });
  running.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `postgresql://app:${PASSWORD}@127.0.0.1:${String(port)}/rock_mac`,
    received: () => Buffer.concat(received),
    connections: () => connections,
  };
}

const REFUSED = {
  code: 'LEDGER_AUTH_FAILED',
  message: expect.stringMatching(/^The server asked for the password .*, and did not get it\./) as string,
};

test.each([
  ['in clear text', CLEAR_TEXT],
  ['as an MD5 hash', MD5],
])('a server that asks for the password %s never gets it', async (_, request) => {
  const thief = await startThief(request);
  const limits = { max: 2, connectTimeoutMs: 2_000, statementTimeoutMs: 2_000 };
  const ledger = openLedger({ url: thief.url, applicationName: 'test', ...limits });
  const statement = { text: 'select', values: [], row: undefined as never };
  await expect(Promise.allSettled([ledger.query(statement), ledger.query(statement)])).resolves.toMatchObject([
    { status: 'rejected', reason: REFUSED },
    { status: 'rejected', reason: REFUSED },
  ]);
  await expect(migrate(thief.url)).rejects.toMatchObject(REFUSED);
  await ledger.close();
  expect(thief.connections()).toBe(3);
  // Not a byte, so no hash either.
  expect(thief.received()).toHaveLength(0);
});
