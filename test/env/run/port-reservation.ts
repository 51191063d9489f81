import { randomInt } from 'node:crypto';
import { createServer, type Server } from 'node:net';

/**
 * A reserved port or address range. A port stays reserved while its server is down between `kill()` and `start()`, also
 * against other users and checkouts of the machine. For this the holder keeps a listening socket on the same port of an
 * otherwise unused address. The kernel allows one listener, and frees the reservation however the holder dies.
 */
export interface Reservation<T> {
  readonly value: T;
  readonly release: () => Promise<void>;
}

const RESERVATION_HOST = '127.255.255.254';
const RANGE_RESERVATION_PORT = 19_999;

/** Below the ephemeral ports: an outgoing connection could otherwise occupy the port of a server that is down. */
const PORT_RANGE = { first: 20_000, last: 29_999 } as const;
/** The second octets of the Service ranges: each is a /16 of 127.64.0.0/10. */
const SERVICE_RANGES = { first: 64, last: 127 } as const;

/** Reserves a free TCP port of 127.0.0.1. */
export async function reservePort(): Promise<Reservation<number>> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const reservation = await tryPort(randomInt(PORT_RANGE.first, PORT_RANGE.last + 1));
    if (reservation !== undefined) return reservation;
  }
  throw new Error(`No free port found on 127.0.0.1 between ${PORT_RANGE.first} and ${PORT_RANGE.last}.`);
}

/** Reserves a port that the user chose. Throws if it is in use. */
export async function reserveFixedPort(port: number, purpose: string): Promise<Reservation<number>> {
  const reservation = await tryPort(port);
  if (reservation === undefined) {
    throw new Error(
      `Port ${port} of 127.0.0.1, fixed for ${purpose}, is in use. Choose another port, or stop the process that uses it.`,
    );
  }
  return reservation;
}

/** Reserves a /16 of loopback addresses, so that the Services of two clusters never share an address. */
export async function reserveServiceRange(): Promise<Reservation<string>> {
  const first = randomInt(SERVICE_RANGES.first, SERVICE_RANGES.last + 1);
  const count = SERVICE_RANGES.last - SERVICE_RANGES.first + 1;
  for (let step = 0; step < count; step++) {
    const second = SERVICE_RANGES.first + ((first - SERVICE_RANGES.first + step) % count);
    const server = await tryListen(`127.${second}.255.254`, RANGE_RESERVATION_PORT);
    if (server !== undefined) return reservationOf(`127.${second}.0.0/16`, server);
  }
  throw new Error(
    `All ${count} Service ranges in 127.64.0.0/10 are in use by running control planes. Stop some of them.`,
  );
}

async function tryPort(port: number): Promise<Reservation<number> | undefined> {
  const holder = await tryListen(RESERVATION_HOST, port);
  if (holder === undefined) return undefined;
  const probe = await tryListen('127.0.0.1', port);
  if (probe === undefined) {
    await closeServer(holder);
    return undefined;
  }
  await closeServer(probe);
  return reservationOf(port, holder);
}

function reservationOf<T>(value: T, server: Server): Reservation<T> {
  return { value, release: () => closeServer(server) };
}

async function tryListen(host: string, port: number): Promise<Server | undefined> {
  const server = createServer((socket) => socket.destroy());
  server.unref();
  return new Promise((resolve, reject) => {
    server.once('listening', () => {
      resolve(server);
    });
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve(undefined);
      else reject(new Error(`Cannot listen on ${host}:${port}: ${error.message}${advice(error)}`, { cause: error }));
    });
    server.listen({ host, port, exclusive: true });
  });
}

function advice(error: NodeJS.ErrnoException): string {
  if (error.code === 'EADDRNOTAVAIL') {
    return '. The test environment needs all addresses of 127.0.0.0/8, as on Linux. On other systems add the address to the loopback interface.';
  }
  return error.code === 'EACCES' ? '. Choose a port above 1023.' : '';
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => {
      resolve();
    });
  });
}
