import type { Server, Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { reservePort } from '../run/port-reservation.ts';
import { closeServer, connect, listen, type Endpoint } from './sockets.ts';

export interface DropOptions {
  /**
   * Sees what a client sends, piece by piece; once it says true, the answers on this connection are swallowed from
   * there on. Without it: on all connections, at once.
   */
  readonly when?: (request: Buffer) => boolean;
  /** So many bytes of answers still pass on each connection. */
  readonly afterBytes?: number;
}

/**
 * A TCP proxy on 127.0.0.1 that is a bad network on request. It is transparent until told otherwise, and again after
 * `heal()`. One fault holds at a time, together with a delay.
 */
export interface TcpProxy extends Endpoint {
  /** How many clients are connected now. */
  readonly connections: number;
  /** Everything takes `ms` longer, each way. */
  delay(ms: number): void;
  /** Breaks all connections; new ones are refused. */
  cut(): Promise<void>;
  /** Connections stay and new ones are accepted, but nothing passes either way until `heal()`. */
  freeze(): void;
  /** Requests reach the server, answers do not reach the client; nor does the end of the connection. */
  dropAnswers(options?: DropOptions): void;
  /** Ends all faults. What was frozen goes through now; connections that lost answers are broken. */
  heal(): Promise<void>;
  close(): Promise<void>;
}

interface Connection {
  readonly client: Socket;
  upstream: Socket | undefined;
  /** How many more bytes of answers may pass; undefined: all. */
  answerBytesLeft: number | undefined;
}

interface Faults {
  delayMs: number;
  frozen: PromiseWithResolvers<undefined> | undefined;
  drop: DropOptions | undefined;
}

/** Read-ahead of one direction of one connection, in bytes; beyond it the sender has to wait, as on a real line. */
const highWater = 1 << 20;

/** Starts a proxy in front of `target`, which need not listen yet. */
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
 * Passes on what `from` sends, in order, each piece when its time has come. `filter` says what of a piece may pass;
 * undefined: nothing of it, and not the end of the connection either.
 */
function relay(from: Socket, to: Socket, faults: Faults, filter: (piece: Buffer) => Buffer | undefined): void {
  let waiting = 0;
  let line = Promise.resolve();
  const inTurn = (pass: () => void) => {
    const due = Date.now() + faults.delayMs;
    line = line.then(async () => {
      if (due > Date.now()) await sleep(due - Date.now());
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
  // A broken connection is this proxy's business; 'close' follows and is passed on.
}
