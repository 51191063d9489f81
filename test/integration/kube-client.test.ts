import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createKubeClient, type KubeClient, type KubeClientOptions } from '../../kube/client/client.ts';
import {
  customResourceDefinitions,
  events,
  leases,
  mutatingWebhookConfigurations,
  namespaces,
  secrets,
  services,
  validatingWebhookConfigurations,
} from '../../kube/client/core-resources.ts';
import { isAlreadyExists, isConflict, isForbidden, isInvalid, isNotFound } from '../../kube/client/errors.ts';
import { addFinalizer, removeFinalizer, setAnnotations, test as testOf } from '../../kube/client/json-patch.ts';
import { type KubeObject, objectMeta } from '../../kube/client/objects.ts';
import { metadataOnly, type Resource } from '../../kube/client/resource.ts';
import { reviewAccess, reviewToken } from '../../kube/client/reviews.ts';
import { toMicroTime } from '../../kube/controller/timestamps.ts';
import { startTcpProxy } from '../env/network/tcp-proxy.ts';
import { eventually, freshNamespace, sharedTestEnv } from '../env/testing.ts';

const configMapSchema = z.object({ metadata: objectMeta, data: z.record(z.string(), z.string()).optional() });
type ConfigMap = z.infer<typeof configMapSchema>;

const configMaps: Resource<ConfigMap> = {
  group: '',
  version: 'v1',
  plural: 'configmaps',
  kind: 'ConfigMap',
  namespaced: true,
  schema: configMapSchema,
};

const podSchema = z.object({
  metadata: objectMeta,
  spec: z.object({ nodeName: z.string().optional() }),
  status: z.object({ phase: z.string().optional(), message: z.string().optional() }).optional(),
});

const pods: Resource<z.infer<typeof podSchema>> = {
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  namespaced: true,
  schema: podSchema,
};

let client: KubeClient;
let namespace: string;
let folder: string;

function connect(options: Partial<KubeClientOptions> = {}): KubeClient {
  return createKubeClient({ kubeconfig: sharedTestEnv().kubeconfig, userAgent: 'rock-mac-test', ...options });
}

/** Creates a client for one test. */
function connectFor(options: Partial<KubeClientOptions>): KubeClient {
  const mine = connect(options);
  onTestFinished(() => mine.close());
  return mine;
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => {
      throw new Error('it did not fail');
    },
    (error: unknown) => error,
  );
}

beforeAll(async () => {
  client = connect();
  const fresh = await freshNamespace({ prefix: 'kube-client' });
  namespace = fresh.name;
  folder = await mkdtemp(join(tmpdir(), 'kube-client-'));
  return async () => {
    await fresh.remove();
  };
});

afterAll(async () => {
  await client.close();
  await rm(folder, { recursive: true });
});

function newName(): string {
  return `test-${randomBytes(4).toString('hex')}`;
}

function newConfigMap(data: Record<string, string> = {}): Promise<ConfigMap> {
  return client.create(configMaps, { metadata: { namespace, name: newName() }, data });
}

describe('an object', () => {
  test('is created, read, updated and deleted', async () => {
    const created = await newConfigMap({ a: '1' });
    expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(await client.get(configMaps, created.metadata)).toEqual(created);

    const updated = await client.update(configMaps, { ...created, data: { a: '2' } });
    expect(updated.data).toEqual({ a: '2' });
    expect(isConflict(await failureOf(client.update(configMaps, { ...created, data: {} })))).toBe(true);

    expect(await client.delete(configMaps, created.metadata)).toBeUndefined();
    expect(isNotFound(await failureOf(client.get(configMaps, created.metadata)))).toBe(true);
    expect(isNotFound(await failureOf(client.delete(configMaps, created.metadata)))).toBe(true);
  });

  test('is not created twice', async () => {
    const { metadata } = await newConfigMap();
    const error = await failureOf(client.create(configMaps, { metadata: { namespace, name: metadata.name } }));
    expect(isAlreadyExists(error)).toBe(true);
    expect(isConflict(error)).toBe(false);
  });

  test('can get its name from the server', async () => {
    const created = await client.create(configMaps, { metadata: { generateName: 'some-' } }, { namespace });
    expect(created.metadata.name).toMatch(/^some-.+/);
  });

  test('is not stored in a dry run', async () => {
    const name = newName();
    const response = await client.create(configMaps, { metadata: { namespace, name } }, { dryRun: true });
    expect(response.metadata.name).toBe(name);
    expect(isNotFound(await failureOf(client.get(configMaps, { namespace, name })))).toBe(true);
  });

  test('that is invalid is refused with the names of its invalid fields', async () => {
    const error = await failureOf(client.create(configMaps, { metadata: { namespace, name: 'No Name' } }));
    expect(isInvalid(error)).toBe(true);
    expect(error).toMatchObject({ details: { causes: [{ field: 'metadata.name' }] } });
  });

  test('is deleted only if it has the given uid', async () => {
    const { metadata } = await newConfigMap();
    const other = '00000000-0000-4000-8000-000000000000';
    expect(isConflict(await failureOf(client.delete(configMaps, metadata, { uid: other })))).toBe(true);
    await client.delete(configMaps, metadata, { uid: metadata.uid });
    expect(isNotFound(await failureOf(client.get(configMaps, metadata)))).toBe(true);
  });

  test('can be read as metadata only', async () => {
    const { metadata } = await newConfigMap({ large: 'x'.repeat(1000) });
    expect(await client.get(metadataOnly(configMaps), metadata)).toEqual({ metadata });
  });
});

describe('a patch', () => {
  test('merges', async () => {
    const { metadata } = await newConfigMap({ a: '1', b: '2' });
    const patched = await client.patch(configMaps, metadata, { type: 'merge', body: { data: { a: null, c: '3' } } });
    expect(patched.data).toEqual({ b: '2', c: '3' });
  });

  test('sets annotations, whether the object had some or none', async () => {
    const before = await newConfigMap();
    const first = await client.patch(configMaps, before.metadata, {
      type: 'json',
      body: setAnnotations(before.metadata.annotations, { 'mac.rock-os.io/a': '1' }),
    });
    const second = await client.patch(configMaps, first.metadata, {
      type: 'json',
      body: setAnnotations(first.metadata.annotations, { 'mac.rock-os.io/c': '2' }),
    });
    expect(second.metadata.annotations).toEqual({ 'mac.rock-os.io/a': '1', 'mac.rock-os.io/c': '2' });
  });

  test('of finalizers delays a deletion until the last one is removed', async () => {
    const before = await newConfigMap();
    const held = await client.patch(configMaps, before.metadata, { type: 'json', body: addFinalizer(before, 'a.b/c') });
    const dying = await client.delete(configMaps, held.metadata, { uid: held.metadata.uid });
    expect(dying).toEqual(await client.get(configMaps, held.metadata));
    expect(dying?.metadata.deletionTimestamp).toBeDefined();
    if (dying === undefined) return;
    await client.patch(configMaps, dying.metadata, { type: 'json', body: removeFinalizer(dying, 'a.b/c') });
    expect(isNotFound(await failureOf(client.get(configMaps, held.metadata)))).toBe(true);
  });

  test('of finalizers is a conflict when the object has changed, even if its finalizers were removed', async () => {
    const before = await newConfigMap();
    const held = await client.patch(configMaps, before.metadata, { type: 'json', body: addFinalizer(before, 'a.b/c') });
    await client.patch(configMaps, held.metadata, { type: 'merge', body: { metadata: { finalizers: null } } });
    const add = client.patch(configMaps, held.metadata, { type: 'json', body: addFinalizer(before, 'a.b/c') });
    expect(isConflict(await failureOf(add))).toBe(true);
    const remove = client.patch(configMaps, held.metadata, { type: 'json', body: removeFinalizer(held, 'a.b/c') });
    expect(isConflict(await failureOf(remove))).toBe(true);
  });

  test('is not applied when one of its tests fails', async () => {
    const { metadata } = await newConfigMap({ a: '1' });
    const body = [testOf('/data/a', '2'), { op: 'replace', path: '/data/a', value: '3' }] as const;
    const error = await failureOf(client.patch(configMaps, metadata, { type: 'json', body }));
    expect(isInvalid(error)).toBe(true);
    expect((await client.get(configMaps, metadata)).data).toEqual({ a: '1' });
  });

  test('applies fields, and conflicts with the manager that owns one', async () => {
    const key = { namespace, name: newName() };
    const body = { metadata: {}, data: { a: '1' } };
    const applied = await client.patch(configMaps, key, { type: 'apply', body }, { fieldManager: 'first' });
    expect(applied.data).toEqual({ a: '1' });
    const other = { metadata: {}, data: { a: '2' } };
    const error = await failureOf(
      client.patch(configMaps, key, { type: 'apply', body: other }, { fieldManager: 'second' }),
    );
    expect(isConflict(error)).toBe(true);
    const forced = await client.patch(
      configMaps,
      key,
      { type: 'apply', body: other, force: true },
      { fieldManager: 'second' },
    );
    expect(forced.data).toEqual({ a: '2' });
  });

  test('of the status changes the status and nothing else', async () => {
    const pod = await client.create(pods, {
      metadata: { namespace, name: newName() },
      spec: { containers: [{ name: 'main', image: 'none' }] },
    });
    const patch = {
      type: 'merge',
      body: { metadata: { resourceVersion: pod.metadata.resourceVersion }, status: { message: 'seen' } },
    } as const;
    const patched = await client.patch(pods, pod.metadata, patch, { subresource: 'status' });
    expect(patched.status?.message).toBe('seen');
    const late = client.patch(pods, pod.metadata, patch, { subresource: 'status' });
    expect(isConflict(await failureOf(late))).toBe(true);
  });
});

describe('a list', () => {
  test('is the same in pages of any size, and a watch continues from it without a gap', async () => {
    const fresh = await freshNamespace({ prefix: 'kube-pages' });
    onTestFinished(() => fresh.remove());
    const selection = { namespace: fresh.name, labelSelector: 'test=pages' };
    const make = (name: string): Promise<ConfigMap> =>
      client.create(configMaps, { metadata: { namespace: fresh.name, name, labels: { test: 'pages' } } });
    const all = Array.from({ length: 25 }, (_, i) => `item-${String(i).padStart(2, '0')}`);
    await Promise.all(all.map(make));

    const whole = await client.list(configMaps, selection);
    expect(whole.items.map(({ metadata }) => metadata.name).sort()).toEqual(all);
    for (const pageSize of [1, 7, 25]) {
      const paged = await client.list(configMaps, { ...selection, pageSize });
      expect(paged.items).toEqual(whole.items);
    }

    await make('later');
    const { resourceVersion } = whole;
    const watch = client.watch(
      configMaps,
      { ...selection, resourceVersion, timeoutSeconds: 60, idleTimeoutMs: 60_000 },
      AbortSignal.timeout(20_000),
    );
    const seen: string[] = [];
    for await (const event of watch) {
      if (event.type === 'BOOKMARK') continue;
      seen.push(`${event.type} ${event.object.metadata.name}`);
      if (seen.length === 1) await client.delete(configMaps, event.object.metadata);
      else break;
    }
    expect(seen).toEqual(['ADDED later', 'DELETED later']);
  });

  test('contains the copies that the caller already has, and new objects for the rest', async () => {
    const selection = { fieldSelector: 'metadata.name=kube-system' };
    const [mine] = (await client.list(namespaces, selection)).items;
    expect((await client.list(namespaces, { ...selection, known: () => mine })).items[0]).toBe(mine);
    const { items } = await client.list(namespaces, { ...selection, known: () => undefined });
    expect(items[0]).toEqual(mine);
    expect(items[0]).not.toBe(mine);
  });

  test('accepts field selectors', async () => {
    const { items } = await client.list(namespaces, { fieldSelector: 'metadata.name=kube-system' });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['kube-system']);
  });

  test('is watched until the server ends the watch after its timeout', async () => {
    const { resourceVersion } = await client.list(namespaces);
    const watch = client.watch(
      namespaces,
      { resourceVersion, fieldSelector: 'metadata.name=none', timeoutSeconds: 1, idleTimeoutMs: 60_000 },
      new AbortController().signal,
    );
    for await (const event of watch) expect(event.type).toBe('BOOKMARK');
  });
});

describe('the built-in kinds that rock-mac uses', () => {
  test('match the schemas of the server', async () => {
    const now = toMicroTime(new Date());
    const lease = await client.create(leases, {
      metadata: { namespace, name: newName() },
      spec: { holderIdentity: 'me', leaseDurationSeconds: 15, renewTime: now, acquireTime: now, leaseTransitions: 0 },
    });
    expect(lease.spec.renewTime).toBe(now);
    const secret = await client.create(secrets, { metadata: { namespace, name: newName() }, data: { k: 'dg==' } });
    expect(secret.data).toEqual({ k: 'dg==' });
    const event = await client.create(events, {
      metadata: { namespace, name: newName() },
      eventTime: now,
      action: 'Testing',
      reason: 'Tested',
      type: 'Normal',
      reportingController: 'rock-mac.io/test',
      reportingInstance: 'me',
      regarding: { apiVersion: 'v1', kind: 'Secret', namespace, name: secret.metadata.name },
    });
    expect(event.regarding?.name).toBe(secret.metadata.name);
  });

  test('can all be read, whatever objects a cluster has', async () => {
    const { items } = await client.list(services, { namespace: 'default' });
    expect(items.find(({ metadata }) => metadata.name === 'kubernetes')?.spec.ports?.[0]?.port).toBe(443);
    for (const resource of [leases, secrets, events, services, namespaces, customResourceDefinitions]) {
      expect(await client.list<KubeObject>(resource)).toMatchObject({
        resourceVersion: expect.stringMatching(/^\d+$/) as string,
      });
    }
  });

  test.each([
    ['mutating', mutatingWebhookConfigurations],
    ['validating', validatingWebhookConfigurations],
  ])('among them the %s webhook configurations, whose CA bundle is patched alone', async (_case, resource) => {
    const clientConfig = { url: 'https://127.0.0.1:1/' };
    const webhook = {
      name: 'test.rock-os.io',
      clientConfig,
      rules: [],
      sideEffects: 'None',
      admissionReviewVersions: ['v1'],
    };
    const { metadata } = await client.create(resource, { metadata: { name: newName() }, webhooks: [webhook] });
    onTestFinished(async () => {
      await client.delete(resource, metadata);
    });
    const caBundle = Buffer.from(sharedCaCertificate()).toString('base64');
    const patched = await client.patch(resource, metadata, {
      type: 'json',
      body: [
        testOf('/webhooks/0/name', webhook.name),
        { op: 'add', path: '/webhooks/0/clientConfig/caBundle', value: caBundle },
      ],
    });
    expect(patched.webhooks).toEqual([{ name: webhook.name, clientConfig: { caBundle } }]);
  });
});

describe('connections', () => {
  test('are shared by many requests', async () => {
    const { apiUrl, kubeconfig } = sharedTestEnv();
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: Number(new URL(apiUrl).port) });
    onTestFinished(() => proxy.close());
    const path = join(folder, 'via-proxy');
    const text = await readFile(kubeconfig, 'utf8');
    await writeFile(path, text.replace(apiUrl, `https://127.0.0.1:${proxy.port}`));
    const mine = connectFor({ kubeconfig: path, maxConnections: 10 });

    for (let i = 0; i < 100; i++) await mine.get(namespaces, { name: 'default' });
    expect(proxy.connections).toBeGreaterThan(0);
    expect(proxy.connections).toBeLessThanOrEqual(2);
    await Promise.all(Array.from({ length: 300 }, () => mine.get(namespaces, { name: 'default' })));
    expect(proxy.connections).toBeLessThanOrEqual(10);
  });
});

const clusterOf = z.object({
  clusters: z.tuple([z.object({ cluster: z.object({ 'certificate-authority-data': z.string() }) })]),
});

/** Returns the PEM of a CA; the one of the shared API server will do. */
function sharedCaCertificate(): string {
  const { clusters } = clusterOf.parse(parse(readFileSync(sharedTestEnv().kubeconfig, 'utf8')));
  return Buffer.from(clusters[0].cluster['certificate-authority-data'], 'base64').toString();
}

const whoAmI = z.object({ status: z.object({ userInfo: z.object({ username: z.string() }) }) });

async function identityOf(caller: KubeClient): Promise<string> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const response = await caller.raw('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', body);
  return whoAmI.parse(response).status.userInfo.username;
}

const tokenRequest = z.object({ status: z.object({ token: z.string() }) });

async function requestToken(audiences?: readonly string[]): Promise<string> {
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/default/token`;
  const spec = { expirationSeconds: 600, ...(audiences !== undefined && { audiences }) };
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec };
  const request = async () => tokenRequest.parse(await client.raw('POST', path, body)).status.token;
  // The ServiceAccount is created a moment after its namespace.
  return await eventually(request);
}

describe('the identity of the client', () => {
  test('is read again from the token file when the server refuses the old token', async () => {
    const token = await requestToken();
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, `${token.slice(0, -8)}AAAAAAAA\n`);
    const text = await readFile(sharedTestEnv().kubeconfig, 'utf8');
    const path = join(folder, 'with-token-file');
    await writeFile(path, text.replace(/client-certificate-data:.*\n\s*client-key-data:.*\n/, 'tokenFile: token\n'));
    const mine = connectFor({ kubeconfig: path });

    expect(await failureOf(identityOf(mine))).toMatchObject({ status: 401 });
    await writeFile(tokenFile, `${token}\n`);
    expect(await identityOf(mine)).toBe(`system:serviceaccount:${namespace}:default`);
  });

  test('can be impersonated, with the rights of that user', async () => {
    const mine = connectFor({ impersonate: { user: 'alice', groups: ['developers', 'testers'] } });
    expect(await identityOf(mine)).toBe('alice');
    expect(isForbidden(await failureOf(mine.list(secrets, { namespace })))).toBe(true);
  });
});

describe('a review', () => {
  test('returns the owner of a token', async () => {
    const owner = await reviewToken(client, await requestToken());
    expect(owner?.username).toBe(`system:serviceaccount:${namespace}:default`);
    expect(owner?.groups).toContain('system:serviceaccounts');
    expect(await reviewToken(client, 'no token')).toBeUndefined();
  });

  test('returns the owner of a token only for an audience of that token', async () => {
    const token = await requestToken(['rock-mac-metrics']);
    const owner = await reviewToken(client, token, { audiences: ['rock-mac-metrics', 'other'] });
    expect(owner?.username).toBe(`system:serviceaccount:${namespace}:default`);
    expect(await reviewToken(client, token, { audiences: ['other'] })).toBeUndefined();
    expect(await reviewToken(client, token)).toBeUndefined();
    expect(await reviewToken(client, await requestToken(), { audiences: ['rock-mac-metrics'] })).toBeUndefined();
  });

  test('returns whether a user has an access', async () => {
    const metrics = { verb: 'get', path: '/metrics' };
    expect(await reviewAccess(client, { username: 'alice' }, metrics)).toMatchObject({ allowed: false });
    const admin = { username: 'root', groups: ['system:masters'] };
    expect(await reviewAccess(client, admin, metrics)).toMatchObject({ allowed: true });
    const use = { verb: 'use', group: 'mac.rock-os.io', resource: 'macpools', name: 'production' };
    expect(await reviewAccess(client, { username: 'alice' }, use)).toMatchObject({ allowed: false });
    expect(await reviewAccess(client, admin, use)).toMatchObject({ allowed: true });
  });
});
