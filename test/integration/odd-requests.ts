import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect } from 'vitest';
import { randomFrom } from '../doubles/seeded-random.ts';
import type { Installation, Program } from '../env/installation.ts';

/** A port of a program and its protocol. */
export interface Port {
  readonly port: number;
  readonly tls: boolean;
}

const METHODS = ['GET', 'GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD', 'CONNECT', 'TRACE', 'get', 'PRI', '', '\0'];

const PATHS = [
  '/',
  '/healthz',
  '/readyz',
  '/metrics',
  '/admit/workloads',
  '/admit/allocations',
  '/admit/releases',
  '/apis/ledger.mac.rock-os.io/v1alpha1/addresses',
  '/apis/ledger.mac.rock-os.io/v1alpha1/pools',
  '/openapi/v3',
];

const TARGETS = [
  ...['//', '///', '//x', '//:99999', '//[', '//%', '/\\', '\\', '*', '', '?', '/?//', '/..', '/%', '/%zz', '/%00'],
  ...['http://', 'http://[::1', 'http://x:99999/', 'localhost:1', '/#', '/ /', '/\t', '/é', `/${'a'.repeat(9_000)}`],
  ...['/?limit=-1', '/?continue=%FF', '/?fieldSelector=%', '/__proto__', '/constructor'],
];

const HEADERS = [
  ...['Host:', 'Host: \xff', 'Content-Length: -1', 'Content-Length: 10', 'Content-Length: 99999999999999999999'],
  ...['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked, gzip', 'Expect: 100-continue', 'Expect: nothing'],
  ...['Upgrade: h2c\r\nConnection: Upgrade', 'Connection: close', 'Content-Encoding: gzip', 'Content-Type: ;;;'],
  ...['Content-Type: application/json', 'Content-Type: application/json; charset=klingon', 'Authorization: Bearer'],
  ...[
    'Authorization: Bearer a.b.c',
    'X-Remote-User: system:admin',
    'Accept: a/b;as=Table;g=,',
    'no colon',
    ': nothing',
  ],
  ...[`X-Long: ${'x'.repeat(20_000)}`, 'X-Nul: \0'],
];

const BODIES = [
  ...['', '{', 'null', '[]', '0', '"x"', '{"__proto__":{"kind":"AdmissionReview"}}', '\xff\xfe', '\0'.repeat(64)],
  ...['{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview"}', '['.repeat(50_000), '5\r\nhello\r\n0\r\n\r\n'],
  `{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","request":${JSON.stringify({
    uid: '1',
    kind: { group: '', version: 'v1', kind: 'Pod' },
    operation: 'CREATE',
    userInfo: {},
    object: { metadata: { annotations: { 'k8s.v1.cni.cncf.io/networks': '['.repeat(1_000) } } },
  })}}`,
];

/** Returns a malformed request as latin1 text of its bytes. */
export function oddRequest(random: () => number): string {
  const one = (from: readonly string[]): string => from[Math.floor(random() * from.length)] ?? '';
  const noise = (): string =>
    String.fromCharCode(...Array.from({ length: Math.floor(random() * 40) }, () => Math.floor(random() * 256)));
  if (random() < 0.05) return noise();
  const target = random() < 0.5 ? one(TARGETS) : one(PATHS) + (random() < 0.5 ? one(TARGETS) : noise());
  const headers = Array.from({ length: Math.floor(random() * 4) }, () => one(HEADERS));
  const body = one(BODIES);
  if (random() < 0.7) headers.push('Host: x');
  if (random() < 0.5) headers.push('Content-Type: application/json', `Content-Length: ${body.length}`);
  const version = random() < 0.9 ? 'HTTP/1.1' : one(['HTTP/1.0', 'HTTP/9.9', 'HTTP', '']);
  return `${one(METHODS)} ${target} ${version}\r\n${headers.join('\r\n')}\r\n\r\n${body}`;
}

/** How long to wait for a response. Many malformed requests get none, because their body never arrives. */
const ANSWER_MS = 50;

/** The number of concurrent connections. */
const AT_ONCE = 32;

/**
 * Sends the bytes on a new connection, and returns the first bytes of the response. Returns an empty string if the connection
 * ends or `waitMs` milliseconds pass first. Never rejects.
 */
export async function sendRaw({ port, tls }: Port, bytes: string, waitMs = ANSWER_MS): Promise<string> {
  const socket: Socket = tls
    ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    : connect(port, '127.0.0.1');
  return await new Promise((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const end = (answer: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    const endEmpty = (): void => {
      end('');
    };
    socket.on('error', endEmpty).on('close', endEmpty);
    socket.on('data', (data: Buffer) => {
      end(data.toString());
    });
    socket.on(tls ? 'secureConnect' : 'connect', () => {
      socket.write(Buffer.from(bytes, 'latin1'));
      timer = setTimeout(endEmpty, waitMs);
    });
  });
}

/** Opens connections, sends the same bytes on each and leaves them open. Returns what closes them. */
export async function holdOpen({ port, tls }: Port, bytes: string, count: number): Promise<() => void> {
  const open = () =>
    new Promise<Socket>((resolve, reject) => {
      const socket: Socket = tls
        ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
        : connect(port, '127.0.0.1');
      socket.once('error', reject).once(tls ? 'secureConnect' : 'connect', () => {
        // The server may close it at any time.
        socket.off('error', reject).on('error', () => undefined);
        socket.write(bytes);
        resolve(socket);
      });
    });
  const sockets: Socket[] = [];
  while (sockets.length < count) sockets.push(...(await Promise.all(Array.from({ length: AT_ONCE }, open))));
  return () => {
    for (const socket of sockets) socket.destroy();
  };
}

/** Returns every port of every program. */
export function portsOf({ operators, webhooks }: Installation): readonly (Port & { readonly program: Program })[] {
  return [...operators, ...webhooks].flatMap((program) => [
    { program, port: program.port, tls: true },
    { program, port: program.healthPort, tls: false },
    { program, port: program.metricsPort, tls: true },
  ]);
}

/** Returns whether the liveness probe of the process succeeds. */
export async function isUp({ healthPort }: Program): Promise<boolean> {
  const { status } = await fetch(`http://127.0.0.1:${healthPort}/healthz`);
  return status === 200;
}

async function fatalLines({ logFile }: Program): Promise<readonly string[]> {
  const log = await readFile(logFile, 'utf8');
  return log.split('\n').filter((line) => /"level":60|Uncaught|ERR_INVALID_URL/.test(line));
}

/** Sends `perPort` malformed requests to every port, and expects that no process exits. Programs are not restarted here. */
export async function attackEveryPort(installation: Installation, perPort: number): Promise<void> {
  const seed = Date.now() % 2 ** 31;
  for (const { program, ...port } of portsOf(installation)) {
    const random = randomFrom(seed);
    let left = perPort;
    const send = async (): Promise<void> => {
      while (left-- > 0) await sendRaw(port, oddRequest(random));
    };
    await Promise.all(Array.from({ length: AT_ONCE }, send));
    expect(await isUp(program), `seed ${seed}`).toBe(true);
    expect(await fatalLines(program), `seed ${seed}`).toEqual([]);
  }
}
