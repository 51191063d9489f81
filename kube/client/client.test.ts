import { inspect } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  breakOff,
  fastClock,
  json,
  refusal,
  type ScriptedResponse,
  startTestServer,
  stayStill,
  type TestServer,
} from '../../test/doubles/http-server.ts';
import { systemClock } from '../../time/clock.ts';
import { createKubeClient, type KubeClient, type KubeClientOptions } from './client.ts';
import { type Secret, secrets } from './core-resources.ts';
import { isAlreadyExists, isGone, KubeConnectionError, KubeDecodeError } from './errors.ts';
import { metadataOnly } from './resource.ts';
import type { WatchEvent } from './watch.ts';

const key = { namespace: 'a', name: 'b' };
const secret: Secret = { metadata: { ...key, uid: '1', resourceVersion: '2' } };
const ok = json(200, secret);

async function setUp(
  answers: readonly ScriptedResponse[],
  options: Partial<KubeClientOptions> = {},
  user: object = {},
) {
  const server = await startTestServer(...answers);
  const client = clientOf(server, options, user);
  onTestFinished(() => server[Symbol.asyncDispose]());
  return { server, client };
}

function clientOf(server: TestServer, options: Partial<KubeClientOptions> = {}, user: object = {}): KubeClient {
  const client = createKubeClient({
    kubeconfig: server.kubeconfig({ user }),
    userAgent: 'rock-mac-test',
    retry: { attempts: 4, backoff: { baseMs: 1, maxMs: 4 }, maxRetryAfterMs: 30_000 },
    ...options,
  });
  onTestFinished(() => client.close());
  return client;
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error('it did not fail');
}

describe('find', () => {
  const notFound = (details?: object) => json(404, { kind: 'Status', code: 404, reason: 'NotFound', details });

  test('returns the object, or undefined when the server says that this object does not exist', async () => {
    const { client } = await setUp([ok, notFound({ kind: 'secrets', name: 'b' })]);
    expect(await client.find(secrets, key)).toEqual(secret);
    expect(await client.find(secrets, key)).toBeUndefined();
  });

  test('throws a 404 that does not name the object, such as one for an unserved kind', async () => {
    const { client } = await setUp([notFound(), notFound({ kind: 'namespaces', name: 'a' })]);
    expect(await failureOf(client.find(secrets, key))).toMatchObject({ status: 404 });
    expect(await failureOf(client.find(secrets, key))).toMatchObject({ status: 404 });
  });
});

describe('a read', () => {
  test('is retried until the server responds', async () => {
    const { server, client } = await setUp([breakOff, refusal(500, 'InternalError'), refusal(503, ''), ok]);
    expect(await client.get(secrets, key)).toEqual(secret);
    expect(server.seen).toHaveLength(4);
  });

  test('fails with the last response when the attempts are used up', async () => {
    const { server, client } = await setUp([refusal(503, 'ServiceUnavailable')]);
    expect(await failureOf(client.get(secrets, key))).toMatchObject({ status: 503 });
    expect(server.seen).toHaveLength(4);
  });

  test('waits as long as the server requests', async () => {
    const clock = fastClock(50);
    const { client } = await setUp([refusal(429, 'TooManyRequests', 3), ok], { clock });
    const started = clock.now();
    await client.get(secrets, key);
    expect(clock.now() - started).toBeGreaterThanOrEqual(2_900);
  });

  test('is not retried when the error is about the request itself', async () => {
    const { server, client } = await setUp([refusal(404, 'NotFound')]);
    expect(await failureOf(client.get(secrets, key))).toMatchObject({ status: 404, reason: 'NotFound' });
    expect(server.seen).toHaveLength(1);
  });

  test('is sent at most as often as the caller allows', async () => {
    const { server, client } = await setUp([refusal(503, '')]);
    await failureOf(client.get(secrets, key, { attempts: 1 }));
    expect(server.seen).toHaveLength(1);
  });
});

describe('a write', () => {
  test('is sent once when the connection breaks afterwards, because it may have succeeded', async () => {
    const { server, client } = await setUp([breakOff, ok]);
    const error = await failureOf(client.create(secrets, { metadata: key }));
    expect(error).toMatchObject({ name: 'KubeConnectionError', sent: true });
    expect(server.seen).toHaveLength(1);
  });

  test('is sent once when there is no response', async () => {
    const { server, client } = await setUp([stayStill], { requestTimeoutMs: 50 });
    const error = await failureOf(client.create(secrets, { metadata: key }));
    expect(error).toMatchObject({ code: 'TIMEOUT', sent: true });
    expect(server.seen).toHaveLength(1);
  });

  test('is sent once when the server fails', async () => {
    const { server, client } = await setUp([refusal(500, 'InternalError', 1), ok]);
    await failureOf(client.create(secrets, { metadata: key }));
    expect(server.seen).toHaveLength(1);
  });

  test('is retried when the server deferred it', async () => {
    const { server, client } = await setUp([refusal(429, 'TooManyRequests', 1), refusal(503, '', 1), ok], {
      clock: fastClock(100),
    });
    expect(await client.create(secrets, { metadata: key })).toEqual(secret);
    expect(server.seen).toHaveLength(3);
  });

  test('is retried when the connection was refused', async () => {
    // A port that was free a moment ago, so the connection is refused.
    const gone = await startTestServer(ok);
    await gone[Symbol.asyncDispose]();
    const { server } = await setUp([ok]);
    const attempts: string[] = [];
    const client = createKubeClient({
      kubeconfig: server.kubeconfig({ server: gone.url }),
      userAgent: 'rock-mac-test',
      retry: { attempts: 3, backoff: { baseMs: 1, maxMs: 1 }, maxRetryAfterMs: 0 },
      metrics: { request: ({ method, status }) => attempts.push(`${method} ${status}`) },
    });
    onTestFinished(() => client.close());
    const error = await failureOf(client.create(secrets, { metadata: key }));
    expect(error).toMatchObject({ code: 'ECONNREFUSED', sent: false });
    expect(attempts).toEqual(['POST ECONNREFUSED', 'POST ECONNREFUSED', 'POST ECONNREFUSED']);
  });

  test('is retried like a read when the caller knows that it is idempotent', async () => {
    const { server, client } = await setUp([breakOff, ok]);
    await client.create(secrets, { metadata: key }, { repeatable: true });
    expect(server.seen).toHaveLength(2);
  });

  test('reports that the object already exists', async () => {
    const { client } = await setUp([refusal(409, 'AlreadyExists')]);
    expect(isAlreadyExists(await failureOf(client.create(secrets, { metadata: key })))).toBe(true);
  });
});

describe('a request', () => {
  test('contains the kind, the options and the user agent', async () => {
    const { server, client } = await setUp([ok]);
    await client.create(secrets, { metadata: key, data: { k: 'dg==' } }, { dryRun: true, fieldManager: 'rock-mac' });
    const [request] = server.seen;
    expect(request?.path).toBe('/api/v1/namespaces/a/secrets?dryRun=All&fieldManager=rock-mac');
    expect(request?.headers['user-agent']).toBe('rock-mac-test');
    expect(JSON.parse(request?.body ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: key,
      data: { k: 'dg==' },
    });
  });

  test.each([
    ['merge', { type: 'merge', body: {} }, 'application/merge-patch+json', ''],
    ['JSON', { type: 'json', body: [] }, 'application/json-patch+json', ''],
    ['apply', { type: 'apply', body: { metadata: {} }, force: true }, 'application/apply-patch+yaml', '?force=true'],
  ] as const)('sends the content type of its patch: %s', async (_case, patch, contentType, query) => {
    const { server, client } = await setUp([ok]);
    await client.patch(secrets, key, patch, { subresource: 'status' });
    expect(server.seen[0]?.headers['content-type']).toBe(contentType);
    expect(server.seen[0]?.path).toBe(`/api/v1/namespaces/a/secrets/b/status${query}`);
  });

  test('limits a deletion to one uid', async () => {
    const { server, client } = await setUp([json(200, { kind: 'Status', status: 'Success' })]);
    await client.delete(secrets, key, { uid: '1', propagationPolicy: 'Background' });
    expect(server.seen[0]?.method).toBe('DELETE');
    expect(JSON.parse(server.seen[0]?.body ?? '')).toMatchObject({
      preconditions: { uid: '1' },
      propagationPolicy: 'Background',
    });
  });

  test('never deletes without a name, which would delete the whole collection', async () => {
    const { server, client } = await setUp([ok]);
    await expect(client.delete(secrets, { namespace: 'a', name: '' })).rejects.toThrow(RangeError);
    expect(server.seen).toEqual([]);
  });

  test('requests only metadata if the kind is reduced to it', async () => {
    const { server, client } = await setUp([ok]);
    await client.get(metadataOnly(secrets), key);
    expect(server.seen[0]?.headers.accept).toBe('application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1');
  });

  test('keeps the path of the server URL, as for a cluster behind a gateway', async () => {
    const { server } = await setUp([ok]);
    const client = createKubeClient({
      kubeconfig: server.kubeconfig({ server: `${server.url}/k8s/clusters/c-1/` }),
      userAgent: 'rock-mac-test',
    });
    onTestFinished(() => client.close());
    await client.get(secrets, key);
    expect(server.seen[0]?.path).toBe('/k8s/clusters/c-1/api/v1/namespaces/a/secrets/b');
  });

  test('impersonates another user with several groups', async () => {
    const { server, client } = await setUp([ok], {
      impersonate: { user: 'alice', groups: ['dev', 'ops'], extra: { 'example.org/team': ['a'] } },
    });
    await client.get(secrets, key);
    expect(server.seen[0]?.headers).toMatchObject({
      'impersonate-user': 'alice',
      'impersonate-group': 'dev, ops',
      'impersonate-extra-example.org%2fteam': 'a',
    });
  });

  test('goes through the proxy that the kubeconfig names', async () => {
    const { server } = await setUp([ok]);
    const client = createKubeClient({
      kubeconfig: server.kubeconfig({ server: 'http://cluster.invalid', cluster: { 'proxy-url': server.url } }),
      userAgent: 'rock-mac-test',
    });
    onTestFinished(() => client.close());
    expect(await client.get(secrets, key)).toEqual(secret);
    expect(server.seen[0]?.headers.host).toBe('cluster.invalid');
  });
});

describe('credentials', () => {
  /** A real clock that a test can set forward. */
  const shiftedClock = () => ({
    ...systemClock,
    shiftMs: 0,
    now() {
      return systemClock.now() + this.shiftMs;
    },
  });

  const needs =
    (token: string): ScriptedResponse =>
    (response, request) => {
      const answer = request.headers.authorization === `Bearer ${token}` ? ok : refusal(401, 'Unauthorized');
      answer(response, request);
    };

  test('are read again at once when the server refuses them, even for a write', async () => {
    const { server } = await setUp([needs('new')]);
    const tokenFile = server.file('token', 'old\n');
    const client = clientOf(server, {}, { tokenFile });
    await expect(client.get(secrets, key)).rejects.toMatchObject({ status: 401 });
    server.file('token', 'new\n');
    expect(await client.create(secrets, { metadata: key })).toEqual(secret);
  });

  test('are tried no more than twice', async () => {
    const { server, client } = await setUp([needs('other')], {}, { token: 'mine' });
    await expect(client.get(secrets, key)).rejects.toMatchObject({ status: 401 });
    expect(server.seen).toHaveLength(2);
  });

  test('are read from disk periodically, even without an error', async () => {
    const { server } = await setUp([ok]);
    const tokenFile = server.file('token', 'old');
    const clock = shiftedClock();
    const client = clientOf(server, { clock }, { tokenFile });
    await client.get(secrets, key);
    server.kubeconfig({ user: { token: 'new' } });
    clock.shiftMs = 10_000;
    await client.get(secrets, key);
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer new']);
  });

  test('stay in use while their file is unreadable for a moment', async () => {
    const clock = shiftedClock();
    const { server, client } = await setUp([ok], { clock }, { token: 'good' });
    await client.get(secrets, key);
    server.file('kubeconfig', 'half-writ: [');
    clock.shiftMs = 10_000;
    await client.get(secrets, key);
    expect(server.seen.map(({ headers }) => headers.authorization)).toEqual(['Bearer good', 'Bearer good']);
  });

  test('come from a plugin, which runs once for many requests and again after a 401', async () => {
    const { server } = await setUp([ok, ok, needs('never'), ok]);
    const count = server.file('count', '');
    const credential =
      '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"t"}}';
    const exec = {
      apiVersion: 'client.authentication.k8s.io/v1',
      command: 'sh',
      args: ['-c', `echo asked >> '${count}'; echo '${credential}'`],
    };
    const client = clientOf(server, {}, { exec });
    const pluginRuns = async (): Promise<number> =>
      (await import('node:fs/promises')).readFile(count, 'utf8').then((text) => text.split('\n').length - 1);
    await client.get(secrets, key);
    await client.get(secrets, key);
    expect(await pluginRuns()).toBe(1);
    await client.get(secrets, key);
    expect(await pluginRuns()).toBe(2);
    expect(server.seen.every(({ headers }) => headers.authorization === 'Bearer t')).toBe(true);
  });

  test('never appear in an error', async () => {
    const text: ScriptedResponse = (response) => void response.writeHead(200).end('Bearer s3cr3t is no JSON');
    const answers = [refusal(401, ''), refusal(403, 'Forbidden'), refusal(500, ''), breakOff, stayStill, text];
    for (const answer of answers) {
      const { client } = await setUp([answer], { requestTimeoutMs: 30 }, { token: 's3cr3t' });
      const error = await failureOf(client.get(secrets, key, { attempts: 1 }));
      expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('s3cr3t');
    }
  });

  test('do not appear in an error when a plugin prints them malformed', async () => {
    const exec = { apiVersion: 'client.authentication.k8s.io/v1', command: 'echo', args: ['s3cr3t'] };
    const { client } = await setUp([ok], {}, { exec });
    const error = await failureOf(client.get(secrets, key));
    expect(String(error)).toContain('the credential plugin did not print JSON');
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain('s3cr3t');
  });
});

describe('connections', () => {
  test('are reused', async () => {
    const { server, client } = await setUp([ok]);
    for (let i = 0; i < 50; i++) await client.get(secrets, key);
    // Two, because the next request may start before the first connection is idle again.
    expect(server.connections).toBeLessThanOrEqual(2);
  });

  test('are used again after a deletion, although its request has a body', async () => {
    const { server, client } = await setUp([ok]);
    for (let i = 0; i < 8; i++) await client.delete(secrets, key, { uid: '1' });
    expect(server.connections).toBeLessThanOrEqual(2);
  });

  test('are limited, however many requests run at once', async () => {
    const { server, client } = await setUp([ok], { maxConnections: 4 });
    await Promise.all(Array.from({ length: 100 }, () => client.get(secrets, key)));
    expect(server.seen).toHaveLength(100);
    expect(server.connections).toBeLessThanOrEqual(4);
  });

  test('are all replaced after a timeout, because the other end may be dead', async () => {
    const reasons: string[] = [];
    const { server, client } = await setUp([ok, ok, ok, ok, stayStill, ok], {
      // Long enough for the retry on a busy machine, which would otherwise time out as well.
      requestTimeoutMs: 500,
      metrics: { reconnect: (reason) => reasons.push(reason) },
    });
    await Promise.all(Array.from({ length: 4 }, () => client.get(secrets, key)));
    const before = server.connections;
    expect(await client.get(secrets, key)).toEqual(secret);
    expect(server.connections).toBe(before + 1);
    expect(reasons).toEqual(['timeout']);
  });

  test('are closed with the client, which then refuses requests', async () => {
    const { client } = await setUp([stayStill]);
    const pending = failureOf(client.get(secrets, key, { attempts: 1 }));
    await new Promise((resolve) => setTimeout(resolve, 20));
    await client.close();
    expect(await pending).toBeInstanceOf(KubeConnectionError);
    expect(await failureOf(client.get(secrets, key, { attempts: 1 }))).toMatchObject({ code: 'CLOSED' });
  });
});

describe('a caller that aborts', () => {
  test('gets its own reason at once', async () => {
    const { client } = await setUp([stayStill]);
    const controller = new AbortController();
    const pending = failureOf(client.get(secrets, key, { signal: controller.signal }));
    const reason = new Error('shutting down');
    setTimeout(() => {
      controller.abort(reason);
    }, 20);
    expect(await pending).toBe(reason);
  });

  test('does not wait for the next attempt', async () => {
    const { server, client } = await setUp([refusal(503, '', 20)]);
    const controller = new AbortController();
    const pending = failureOf(client.get(secrets, key, { signal: controller.signal }));
    setTimeout(() => {
      controller.abort(new Error('enough'));
    }, 30);
    expect(await pending).toEqual(new Error('enough'));
    expect(server.seen).toHaveLength(1);
  });

  test('sends nothing if its signal fired before', async () => {
    const { server, client } = await setUp([ok]);
    const signal = AbortSignal.abort(new Error('enough'));
    expect(await failureOf(client.get(secrets, key, { signal }))).toEqual(new Error('enough'));
    expect(server.seen).toHaveLength(0);
  });
});

describe('a list', () => {
  const page = (names: readonly string[], next?: string, resourceVersion = '9'): ScriptedResponse =>
    json(200, {
      kind: 'SecretList',
      metadata: { resourceVersion, continue: next },
      items: names.map((name) => ({ metadata: { ...secret.metadata, name } })),
    });
  const names = (list: { items: readonly Secret[] }): string[] => list.items.map(({ metadata }) => metadata.name);

  test('consists of all pages', async () => {
    const { server, client } = await setUp([page(['a', 'b'], 'x='), page(['c'], 'y'), page(['d'])]);
    const list = await client.list(secrets, { namespace: 'a', labelSelector: 'k=v', pageSize: 2 });
    expect(names(list)).toEqual(['a', 'b', 'c', 'd']);
    expect(list.resourceVersion).toBe('9');
    expect(server.seen.map(({ path }) => path)).toEqual([
      '/api/v1/namespaces/a/secrets?labelSelector=k%3Dv&limit=2',
      '/api/v1/namespaces/a/secrets?labelSelector=k%3Dv&limit=2&continue=x%3D',
      '/api/v1/namespaces/a/secrets?labelSelector=k%3Dv&limit=2&continue=y',
    ]);
  });

  test('fails as a whole when a page fails', async () => {
    const { client } = await setUp([page(['a'], 'x'), refusal(403, 'Forbidden')]);
    expect(await failureOf(client.list(secrets))).toMatchObject({ status: 403 });
  });

  test('continues after a transient failure of a page', async () => {
    const { client } = await setUp([page(['a'], 'x'), breakOff, page(['b'])]);
    expect(names(await client.list(secrets))).toEqual(['a', 'b']);
  });

  test('restarts when its revision is gone, and never mixes two revisions', async () => {
    const gone = json(410, {
      kind: 'Status',
      code: 410,
      reason: 'Expired',
      metadata: { continue: 'a newer revision' },
    });
    const { client } = await setUp([
      page(['old'], 'x', '9'),
      gone,
      page(['a'], 'y', '10'),
      page(['b'], undefined, '10'),
    ]);
    const list = await client.list(secrets);
    expect(names(list)).toEqual(['a', 'b']);
    expect(list.resourceVersion).toBe('10');
  });

  test('fails when its revision is gone repeatedly', async () => {
    const { server, client } = await setUp([refusal(410, 'Expired')]);
    expect(isGone(await failureOf(client.list(secrets)))).toBe(true);
    expect(server.seen).toHaveLength(3);
  });

  test('drops objects that do not pass the filter', async () => {
    const { client } = await setUp([page(['a', 'b', 'c'])]);
    expect(names(await client.list(secrets, { keep: ({ metadata }) => metadata.name !== 'b' }))).toEqual(['a', 'c']);
  });

  test.each([
    ['an empty object', {}],
    ['another kind', { kind: 'Secret', ...secret }],
    ['a list without a revision', { kind: 'SecretList', metadata: {}, items: [] }],
    ['a list without items', { kind: 'SecretList', metadata: { resourceVersion: '1' } }],
  ])('does not treat %s as an empty list', async (_case, body) => {
    const { client } = await setUp([json(200, body)]);
    await expect(client.list(secrets)).rejects.toBeInstanceOf(KubeDecodeError);
  });

  test('may be empty, in both notations that Go uses', async () => {
    const empty = { kind: 'SecretList', metadata: { resourceVersion: '1' } };
    const { client } = await setUp([json(200, { ...empty, items: [] }), json(200, { ...empty, items: null })]);
    expect((await client.list(secrets)).items).toEqual([]);
    expect((await client.list(secrets)).items).toEqual([]);
  });

  test('fails at an object that it cannot parse, because a skipped object would count as deleted', async () => {
    const odd = { metadata: { ...secret.metadata, name: 'odd' }, data: { password: { hidden: 's3cr3t' } } };
    const { client } = await setUp([
      json(200, { kind: 'SecretList', metadata: { resourceVersion: '1' }, items: [secret, odd] }),
    ]);
    const error = await failureOf(client.list(secrets));
    expect(error).toBeInstanceOf(KubeDecodeError);
    expect(String(error)).toContain('Secret a/odd');
    expect(String(error)).toContain('data.password');
    expect(String(error)).not.toContain('s3cr3t');
  });
});

describe('a watch', () => {
  const line = (type: string, object: unknown): string => `${JSON.stringify({ type, object })}\n`;
  const added = line('ADDED', secret);
  const bookmark = line('BOOKMARK', { metadata: { resourceVersion: '12' } });
  /** Sends the pieces; the stream stays open unless it is ended. */
  const stream =
    (pieces: readonly string[], end: boolean): ScriptedResponse =>
    (response) => {
      response.writeHead(200);
      for (const piece of pieces) response.write(piece);
      if (end) response.end();
    };
  const limits = { timeoutSeconds: 240, idleTimeoutMs: 60_000, resourceVersion: '7' };

  async function eventsOf(
    client: KubeClient,
    options: Partial<typeof limits> = {},
    signal = new AbortController().signal,
    onEvent: () => void = () => undefined,
  ): Promise<WatchEvent<Secret>[]> {
    const events = [];
    for await (const event of client.watch(secrets, { ...limits, ...options }, signal)) {
      events.push(event);
      onEvent();
    }
    return events;
  }

  test('yields events and bookmarks until the server ends it', async () => {
    const { server, client } = await setUp([stream([added, bookmark, line('DELETED', secret)], true)]);
    expect(await eventsOf(client)).toEqual([
      { type: 'ADDED', object: secret },
      { type: 'BOOKMARK', resourceVersion: '12' },
      { type: 'DELETED', object: secret },
    ]);
    expect(server.seen[0]?.path).toBe(
      '/api/v1/secrets?watch=true&allowWatchBookmarks=true&resourceVersion=7&timeoutSeconds=240',
    );
  });

  test('throws the error of an ERROR event', async () => {
    const { client } = await setUp([stream([added, line('ERROR', { kind: 'Status', code: 410 })], false)]);
    expect(isGone(await failureOf(eventsOf(client)))).toBe(true);
  });

  test('throws when the server refuses it', async () => {
    const { client } = await setUp([refusal(403, 'Forbidden')]);
    expect(await failureOf(eventsOf(client))).toMatchObject({ status: 403 });
  });

  test('throws when the connection breaks', async () => {
    const broken: ScriptedResponse = (response) => {
      response.writeHead(200).write(added, () => response.destroy());
    };
    const { client } = await setUp([broken]);
    expect(await failureOf(eventsOf(client))).toBeInstanceOf(KubeConnectionError);
  });

  test('ends without an error when the caller aborts', async () => {
    const { client } = await setUp([stream([added], false)]);
    const controller = new AbortController();
    const events = await eventsOf(client, {}, controller.signal, () => {
      controller.abort();
    });
    expect(events).toHaveLength(1);
  });

  test('leaves no connection behind when its reader stops early', async () => {
    let closed = false;
    const answer: ScriptedResponse = (response) => {
      response.on('close', () => (closed = true));
      stream([added, added], false)(response, { method: '', path: '', headers: {}, body: '' });
    };
    const { client } = await setUp([answer]);
    for await (const event of client.watch(secrets, limits, new AbortController().signal)) {
      expect(event.type).toBe('ADDED');
      break;
    }
    await expect.poll(() => closed).toBe(true);
  });

  test('fails when nothing arrives for too long', async () => {
    const { client } = await setUp([stream([added], false)]);
    const error = await failureOf(eventsOf(client, { idleTimeoutMs: 1_000 }));
    expect(error).toMatchObject({ code: 'UND_ERR_BODY_TIMEOUT' });
  });

  test('fails when the server does not end it in time', async () => {
    const chatter: ScriptedResponse = (response) => {
      const timer = setInterval(() => response.write(added), 5);
      response.on('close', () => {
        clearInterval(timer);
      });
      response.writeHead(200);
    };
    const { client } = await setUp([chatter], { clock: fastClock(200) });
    const error = await failureOf(eventsOf(client, { timeoutSeconds: 1 }));
    expect(error).toMatchObject({ code: 'TIMEOUT' });
  });

  test('fails when the response does not start', async () => {
    const { client } = await setUp([stayStill], { requestTimeoutMs: 50 });
    expect(await failureOf(eventsOf(client))).toMatchObject({ code: 'TIMEOUT' });
  });
});

describe('a raw request', () => {
  test('returns parsed JSON, or the text of another response', async () => {
    const text: ScriptedResponse = (response) => void response.writeHead(200).end('ok');
    const { server, client } = await setUp([json(200, { major: '1' }), text]);
    expect(await client.raw('GET', '/version')).toEqual({ major: '1' });
    expect(await client.raw('GET', '/readyz?verbose')).toBe('ok');
    expect(server.seen[1]?.path).toBe('/readyz?verbose');
  });
});
