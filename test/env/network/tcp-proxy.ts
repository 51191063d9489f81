import type { Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { reservePort } from '../run/port-reservation.ts';
import { closeServer, connect, type Endpoint, listen } from './sockets.ts';

export interface DropOptions {
  /** Gets each chunk that a client sends. Once it returns true, responses on that connection are dropped. Default: all are. */
  readonly when?: (request: Buffer) => boolean;
  /** How many bytes of responses still pass on each connection. */
  readonly afterBytes?: number;
}

/**
 * A TCP proxy on 127.0.0.1 that simulates a bad network. It is transparent until a fault is set, and again after `heal()`.
 * Only one fault is active at a time, but it can be combined with a delay.
 */
export interface TcpProxy extends Endpoint {
  /** The number of connected clients. */
  readonly connections: number;
  /** Delays all data by `ms` in each direction. */
  delay(ms: number): void;
  /** Resets all connections, and refuses new ones. */
  cut(): Promise<void>;
  /** Keeps connections and accepts new ones, but passes no data until `heal()`. */
  freeze(): void;
  /** Passes requests to the server, but neither responses nor the end of the connection to the client. */
  dropAnswers(options?: DropOptions): void;
  /** Ends all faults. Frozen data passes now. Connections that lost responses are reset. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

interface Connection {
  readonly client: Socket;
  upstream: Socket | undefined;
  /** How many more bytes of responses may pass. Undefined means all. */
  answerBytesLeft: number | undefined;
}

interface Faults {
  delayMs: number;
  frozen: PromiseWithResolvers<undefined> | undefined;
  drop: DropOptions | undefined;
}

/** The read-ahead of one direction of a connection, in bytes. Beyond it the sender must wait, as in a real network. */
const highWater = 1 << 20;

/** Starts a proxy for `target`, which need not listen yet. */
export async function startTcpProxy(target: Endpoint): Promise<TcpProxy> {
  const reservation = await reservePort();
  const endpoint = { host: '127.0.0.1', port: reservation.value };
  const connections = new Set<Connection>();
  const faults: Faults = { delayMs: 0, frozen: undefined, drop: undefined };
  let server: Server | undefined;

  const open = async () => {
    server ??= (await listen(endpoint, accept)).server;
  };
  const accept = (client: Socket) => {
    const connection: Connection = { client, upstream: undefined, answerBytesLeft: undefined };
    if (faults.drop !== undefined && faults.drop.when === undefined) startDropping(connection, faults.drop);
    connections.add(connection);
    client.once('close', () => connections.delete(connection));
    client.on('error', ignore);
    void join(connection, target, faults);
  };
  const shut = async () => {
    const closing = server;
    server = undefined;
    const closed = closing === undefined ? undefined : closeServer(closing);
    connections.forEach(destroy);
    await closed;
  };
  const heal = async () => {
    connections.forEach((connection) => {
      if (connection.answerBytesLeft !== undefined) destroy(connection);
    });
    faults.delayMs = 0;
    faults.drop = undefined;
    faults.frozen?.resolve(undefined);
    faults.frozen = undefined;
    await open();
  };

  await open();
  return {
    ...endpoint,
    get connections() {
      return connections.size;
    },
    delay: (ms) => {
      faults.delayMs = ms;
    },
    cut: shut,
    freeze: () => {
      faults.frozen ??= Promise.withResolvers<undefined>();
    },
    dropAnswers: (options = {}) => {
      faults.drop = options;
      if (options.when === undefined) {
        connections.forEach((connection) => {
          startDropping(connection, options);
        });
      }
    },
    heal,
    close: async () => {
      await shut();
      faults.frozen?.resolve(undefined);
      await reservation.release();
    },
  };
}

async function join(connection: Connection, target: Endpoint, faults: Faults): Promise<void> {
  const { client } = connection;
  await faults.frozen?.promise;
  const upstream = await connect(target).catch(() => undefined);
  if (upstream === undefined || client.destroyed) {
    destroy({ ...connection, upstream });
    return;
  }
  connection.upstream = upstream;
  upstream.on('error', ignore);
  relay(client, upstream, faults, (request) => {
    if (faults.drop?.when?.(request) === true) startDropping(connection, faults.drop);
    return request;
  });
  relay(upstream, client, faults, (answer) => allowedPart(connection, answer));
}

/**
 * Forwards the data of `from` in order, each chunk after its delay. `filter` returns the part of a chunk that may pass. If it
 * returns undefined, neither the chunk nor the end of the connection passes.
 */
function relay(from: Socket, to: Socket, faults: Faults, filter: (piece: Buffer) => Buffer | undefined): void {
  let waiting = 0;
  let line = Promise.resolve();
  const inTurn = (pass: () => void) => {
    const due = Date.now() + faults.delayMs;
    line = line.then(async () => {
      const waitMs = due - Date.now();
      if (waitMs > 0) await sleep(waitMs);
      await faults.frozen?.promise;
      pass();
    });
  };
  from.on('data', (piece: Buffer) => {
    waiting += piece.length;
    if (waiting > highWater) from.pause();
    inTurn(() => {
      waiting -= piece.length;
      if (waiting <= highWater) from.resume();
      const passing = filter(piece);
      if (passing !== undefined && to.writable) to.write(passing);
    });
  });
  from.once('end', () => {
    inTurn(() => {
      if (filter(nothing) !== undefined) to.end();
    });
  });
  from.once('close', (hadError) => {
    inTurn(() => {
      if (filter(nothing) === undefined) return;
      if (hadError || from.readableAborted) to.destroy();
      else to.end();
    });
  });
}

const nothing = Buffer.alloc(0);

function allowedPart(connection: Connection, answer: Buffer): Buffer | undefined {
  const left = connection.answerBytesLeft;
  if (left === undefined) return answer;
  if (left === 0) return undefined;
  connection.answerBytesLeft = Math.max(0, left - answer.length);
  return answer.subarray(0, left);
}

function startDropping(connection: Connection, { afterBytes = 0 }: DropOptions): void {
  connection.answerBytesLeft ??= afterBytes;
}

function destroy(connection: Connection): void {
  connection.client.destroy();
  connection.upstream?.destroy();
}

function ignore(): void {
  // A reset connection also emits 'close', which is forwarded.
}
