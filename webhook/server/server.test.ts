import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { pino } from 'pino';
import { afterEach, describe, expect, test } from 'vitest';
import type { ApiFacingServer } from '../../kube/server/api-facing-server.ts';
import { makeCa, makeServingCertificate } from '../../kube/server/certificates.ts';
import { listen } from '../../kube/server/listen.ts';
import { createWebhookMetrics } from '../metrics.ts';
import { type Admit, createWebhookServer } from './server.ts';

const NAME = 'rock-mac-webhook.rock-mac-system.svc';
const PATH = '/admit/pods';
const agents: Agent[] = [];
afterEach(() => {
  for (const agent of agents.splice(0)) agent.destroy();
});

interface Running {
  readonly server: ApiFacingServer;
  readonly port: number;
  readonly post: (body: string, options?: { path?: string; contentType?: string }) => Promise<Reply>;
}

interface Reply {
  readonly status: number;
  readonly text: string;
}

async function start(admit: Admit, draining = () => false): Promise<Running> {
  const ca = await makeCa(Date.now(), 3_600_000);
  const servingPair = await makeServingCertificate(ca, [NAME], Date.now(), 3_600_000);
  const server = createWebhookServer(
    {
      entries: { [PATH]: admit },
      logger: pino({ enabled: false }),
      metrics: createWebhookMetrics(),
      draining,
    },
    servingPair,
  );
  const { port } = await listen(server.https, { host: '127.0.0.1', port: 0 });
  const agent = new Agent({ keepAlive: true, ca: ca.certificate, servername: NAME });
  agents.push(agent);
  return {
    server,
    port,
    post: (body, { path = PATH, contentType = 'application/json' } = {}) =>
      new Promise((resolve, reject) => {
        const headers = { 'Content-Type': contentType, 'Content-Length': Buffer.byteLength(body) };
        const sent = request({ host: '127.0.0.1', port, path, method: 'POST', agent, headers }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
          response.on('end', () => {
            resolve({ status: response.statusCode ?? 0, text });
          });
        });
        sent.on('error', reject);
        sent.end(body);
      }),
  };
}

function review(extra: Record<string, unknown> = {}): string {
  return JSON.stringify({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'u-1',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      operation: 'CREATE',
      userInfo: { username: 'ann' },
      object: {},
      ...extra,
    },
  });
}

const allow: Admit = () => Promise.resolve({ allowed: true });

describe('the server of the webhook', () => {
  test('responds to a review with its uid and a patch in base64', async () => {
    const { server, post } = await start(() =>
      Promise.resolve({ allowed: true, patch: [{ op: 'add', path: '/a', value: 1 }], warnings: ['careful'] }),
    );
    const { response } = JSON.parse((await post(review())).text) as { response: Record<string, unknown> };
    expect(response).toEqual({
      uid: 'u-1',
      allowed: true,
      patchType: 'JSONPatch',
      patch: Buffer.from('[{"op":"add","path":"/a","value":1}]').toString('base64'),
      warnings: ['careful'],
    });
    await server.close();
  });

  test('turns an internal error into a retryable refusal without its details', async () => {
    const { server, post } = await start(() => Promise.reject(new Error('password hunter2')));
    const { text } = await post(review());
    expect(text).not.toContain('hunter2');
    expect(JSON.parse(text)).toMatchObject({ response: { allowed: false, status: { code: 503 } } });
    await server.close();
  });

  test.each([
    ['an empty body', '', 'application/json', 400],
    ['invalid JSON', '{"a":', 'application/json', 400],
    ['another kind', '{"kind":"Pod"}', 'application/json', 400],
    ['the old version', review().replace('admission.k8s.io/v1', 'admission.k8s.io/v1beta1'), 'application/json', 400],
    ['another content type', review(), 'text/plain', 400],
    ['more than 3 MiB', review({ object: { big: 'x'.repeat(4 * 1024 * 1024) } }), 'application/json', 413],
  ])('rejects %s, and keeps serving', async (_, body, contentType, status) => {
    const { server, post } = await start(allow);
    expect((await post(body, { contentType })).status).toBe(status);
    expect((await post(review())).status).toBe(200);
    await server.close();
  });

  test('keeps an idle connection open for longer than the API server does', async () => {
    const { server } = await start(allow);
    const apiServerKeepsMs = 90_000;
    expect(server.https.keepAliveTimeout).toBeGreaterThan(apiServerKeepsMs);
    expect(server.https.headersTimeout).toBeGreaterThan(server.https.keepAliveTimeout);
    await server.close();
  });

  test('accepts a review of nearly 3 MiB', async () => {
    const { server, post } = await start(allow);
    expect((await post(review({ object: { big: 'x'.repeat(3_000_000) } }))).status).toBe(200);
    await server.close();
  });

  test('serves a request that arrives during shutdown on a new connection', async () => {
    const { server, port } = await start(async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      return { allowed: true };
    });
    const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
    await once(socket, 'secureConnect');
    const closing = server.close();
    const body = review();
    const head = `POST ${PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: ${String(Buffer.byteLength(body))}`;
    socket.write(`${head}\r\n\r\n${body}`);
    const [answer] = (await once(socket, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1\.1 200 OK/);
    await closing;
  });

  test('serves a request that arrives during shutdown on a used connection, and then closes it', async () => {
    let draining = false;
    const { server, port } = await start(allow, () => draining);
    const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
    agents.push(agent);
    const ask = async () => {
      const headers = { 'Content-Type': 'application/json' };
      const sent = request({ host: '127.0.0.1', port, path: PATH, method: 'POST', agent, headers });
      sent.end(review());
      const [answer] = (await once(sent, 'response')) as [IncomingMessage];
      answer.resume();
      await once(answer, 'end');
      return { status: answer.statusCode, connection: answer.headers.connection, reused: sent.reusedSocket };
    };
    expect(await ask()).toMatchObject({ status: 200, connection: 'keep-alive' });
    draining = true;
    const closing = server.close();
    // The API server has chosen the connection before it learns of the shutdown.
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await ask()).toEqual({ status: 200, connection: 'close', reused: true });
    await closing;
    await expect(ask()).rejects.toThrow(/ECONNREFUSED/);
  });

  test('finishes requests in progress before it closes, and does not wait for idle connections', async () => {
    const { promise: released, resolve: release } = Promise.withResolvers<undefined>();
    const { promise: entered, resolve: enter } = Promise.withResolvers<undefined>();
    const { server, post, port } = await start(async () => {
      enter(undefined);
      await released;
      return { allowed: true };
    });
    const unused = connect(port, '127.0.0.1');
    unused.on('error', () => undefined);
    const answer = post(review());
    await entered;
    let closed = false;
    const closing = server.close().then(() => {
      closed = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(closed).toBe(false);
    release(undefined);
    expect((await answer).status).toBe(200);
    // Long before the 120 s after which Node would close the idle connection.
    await closing;
    unused.destroy();
  });
});
