import { createServer, type Server } from 'node:net';
import { randomInt } from 'node:crypto';

/**
 * Free ports and free address ranges, for good and not only for the moment of asking. A port must stay ours while its
 * server is down between `kill()` and `start()`, also against other users and other checkouts on the machine. So the
 * owner holds a listening socket on the same port of an address that nobody else has a use for: the kernel sees to it
 * that there is one holder, and gives the claim back when the holder dies, however it dies.
 */
export interface Claim<T> {
  readonly value: T;
  readonly release: () => Promise<void>;
}

const portClaimHost = '127.255.255.254';
const rangeClaimPort = 19_999;

/** Below what systems hand out to outgoing connections, which else could sit on the port of a server that is down. */
const portRange = { first: 20_000, last: 29_999 } as const;
/** 127.64.0.0/10 holds the Service ranges, a /16 each. */
const serviceRanges = { first: 64, last: 127 } as const;

/** Claims a free TCP port of 127.0.0.1. */
export async function reservePort(): Promise<Claim<number>> {
  for (let attempt = 0; attempt < 1_000; attempt++) {
    const claim = await tryPort(randomInt(portRange.first, portRange.last + 1));
    if (claim !== undefined) return claim;
  }
  throw new Error(`No free port found on 127.0.0.1 between ${portRange.first} and ${portRange.last}.`);
}

/** A port that the user has fixed. Throws when something listens on it. */
export async function claimFixedPort(port: number, purpose: string): Promise<Claim<number>> {
  const claim = await tryPort(port);
  if (claim === undefined) {
    throw new Error(`Port ${port} of 127.0.0.1, fixed for ${purpose}, is taken. Choose another, or end who holds it.`);
  }
  return claim;
}

/** Claims a /16 of loopback addresses, so that Services of clusters side by side never share an address. */
export async function claimServiceRange(): Promise<Claim<string>> {
  const first = randomInt(serviceRanges.first, serviceRanges.last + 1);
  const count = serviceRanges.last - serviceRanges.first + 1;
  for (let step = 0; step < count; step++) {
    const second = serviceRanges.first + ((first - serviceRanges.first + step) % count);
    const server = await tryListen(`127.${second}.255.254`, rangeClaimPort);
    if (server !== undefined) return claimOf(`127.${second}.0.0/16`, server);
  }
  throw new Error(`All ${count} Service ranges in 127.64.0.0/10 are taken by running control planes. End some.`);
}

async function tryPort(port: number): Promise<Claim<number> | undefined> {
  const holder = await tryListen(portClaimHost, port);
  if (holder === undefined) return undefined;
  const probe = await tryListen('127.0.0.1', port);
  if (probe === undefined) {
    await closeServer(holder);
    return undefined;
  }
  await closeServer(probe);
  return claimOf(port, holder);
}

function claimOf<T>(value: T, server: Server): Claim<T> {
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
    return '. The test environment needs all of 127.0.0.0/8 to be local, as it is on Linux; elsewhere add the address to the loopback interface.';
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
