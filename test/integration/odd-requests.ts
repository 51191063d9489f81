import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** A port of a program, and what it speaks. */
export interface Port {
  readonly port: number;
  readonly tls: boolean;
}

/** A source of numbers in [0, 1) that gives the same ones for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
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

/** One request that no honest client sends, as the bytes of the wire in latin1. */
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

/** How long an answer is waited for. Many odd requests are rightly kept waiting: their body never comes. */
const ANSWER_MS = 50;

/** Sends the bytes on a connection of their own and waits for an answer, the end or a moment; never rejects. */
export async function sendRaw({ port, tls }: Port, bytes: string): Promise<void> {
  const socket: Socket = tls
    ? connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    : connect(port, '127.0.0.1');
  await new Promise<void>((resolve) => {
    let timer: NodeJS.Timeout | undefined;
    const end = (): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve();
    };
    socket.on('error', end).on('close', end).on('data', end);
    socket.on(tls ? 'secureConnect' : 'connect', () => {
      socket.write(Buffer.from(bytes, 'latin1'));
      timer = setTimeout(end, ANSWER_MS);
    });
  });
}
