import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { customResourceDefinitions, secrets } from '../../kube/client/core-resources.ts';
import { keyOf, type KubeObject, objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { Change } from '../../kube/controller/object-cache.ts';
import { createReflector, type Reflector, type ReflectorOptions } from '../../kube/controller/reflector.ts';
import { startTcpProxy, type TcpProxy } from '../env/network/tcp-proxy.ts';
import { eventually, freshNamespace, sharedTestEnv } from '../env/testing.ts';

let client: KubeClient;
let namespace: string;
let folder: string;

beforeAll(async () => {
  client = createKubeClient({ kubeconfig: sharedTestEnv().kubeconfig, userAgent: 'rock-mac-test' });
  const fresh = await freshNamespace({ prefix: 'kube-reflector' });
  namespace = fresh.name;
  folder = await mkdtemp(join(tmpdir(), 'kube-reflector-'));
  return () => fresh.remove();
});

afterAll(async () => {
  await client.close();
  await rm(folder, { recursive: true });
});

/** Creates a client whose connections to the server can be broken. */
async function brokenWay(): Promise<{ proxy: TcpProxy; client: KubeClient }> {
  const { apiUrl, kubeconfig } = sharedTestEnv();
  const proxy = await startTcpProxy({ host: '127.0.0.1', port: Number(new URL(apiUrl).port) });
  const path = join(folder, `via-${proxy.port}`);
  const text = await readFile(kubeconfig, 'utf8');
  await writeFile(path, text.replace(apiUrl, `https://127.0.0.1:${proxy.port}`));
  const mine = createKubeClient({ kubeconfig: path, userAgent: 'rock-mac-test', requestTimeoutMs: 1_000 });
  onTestFinished(async () => {
    await mine.close();
    await proxy.close();
  });
  return { proxy, client: mine };
}

interface Observed<T extends KubeObject> {
  readonly reflector: Reflector<T>;
  readonly changes: string[];
  readonly restarts: string[];
}

async function observe<T extends KubeObject>(
  options: Pick<ReflectorOptions<T>, 'client' | 'resource'> & Partial<ReflectorOptions<T>>,
): Promise<Observed<T>> {
  const changes: string[] = [];
  const restarts: string[] = [];
  const reflector = createReflector<T>({
    onChange: ({ type, object }: Change<T>) => changes.push(`${type} ${object.metadata.name}`),
    timing: { backoff: { baseMs: 50, maxMs: 300 } },
    logger: pino({ level: 'silent' }),
    metrics: { restarted: ({ reason }) => restarts.push(reason) },
    ...options,
  });
  onTestFinished(() => reflector.stop());
  reflector.start();
  await reflector.hasSynced();
  return { reflector, changes, restarts };
}

function makeSecret(name: string, labels: Record<string, string> = {}) {
  return client.create(secrets, { metadata: { namespace, name, labels } });
}

async function removeSecret(name: string): Promise<void> {
  await client.delete(secrets, { namespace, name });
}

function uniqueLabel(): { label: Record<string, string>; labelSelector: string } {
  const test = randomBytes(4).toString('hex');
  return { label: { test }, labelSelector: `test=${test}` };
}

describe('a reflector', () => {
  test('reports existing, new, changed and deleted objects', async () => {
    const { label, labelSelector } = uniqueLabel();
    await makeSecret('first', label);
    await makeSecret('other');
    const { changes, reflector } = await observe({ client, resource: secrets, namespace, labelSelector });
    expect(changes).toEqual(['added first']);

    const second = await makeSecret('second', label);
    await client.update(secrets, { ...second, data: { k: 'dg==' } });
    await removeSecret('first');
    await eventually(() => {
      expect(changes).toEqual(['added first', 'added second', 'updated second', 'deleted first']);
    });
    expect(reflector.list().map(keyOf)).toEqual([`${namespace}/second`]);
    expect(reflector.get(`${namespace}/second`)?.data).toEqual({ k: 'dg==' });

    // The server reports an object that leaves the selection as deleted.
    await client.patch(secrets, second.metadata, { type: 'merge', body: { metadata: { labels: { test: null } } } });
    await eventually(() => {
      expect(changes.at(-1)).toBe('deleted second');
    });
  });

  test('keeps only objects that pass its filter, and finds them by an index', async () => {
    const { label, labelSelector } = uniqueLabel();
    await makeSecret('kept', { ...label, keep: 'a' });
    await makeSecret('dropped', label);
    const { changes, reflector } = await observe({
      client,
      resource: secrets,
      namespace,
      labelSelector,
      keep: ({ metadata }) => metadata.labels?.['keep'] !== undefined,
      indexes: { keep: ({ metadata }) => [metadata.labels?.['keep'] ?? ''] },
    });
    expect(reflector.by('keep', 'a').map(({ metadata }) => metadata.name)).toEqual(['kept']);
    const relabel = (name: string, keep: string | null) =>
      client.patch(secrets, { namespace, name }, { type: 'merge', body: { metadata: { labels: { keep } } } });
    await relabel('dropped', 'b');
    await relabel('kept', null);
    await eventually(() => {
      expect(changes).toEqual(['added kept', 'added dropped', 'deleted kept']);
    });
    expect(reflector.by('keep', 'a')).toEqual([]);
    expect(reflector.by('keep', 'b')).toHaveLength(1);
  });

  test('misses nothing although the server ends its watch every second', async () => {
    const { label, labelSelector } = uniqueLabel();
    const { changes, restarts } = await observe({
      client,
      resource: secrets,
      namespace,
      labelSelector,
      timing: { watchSeconds: [1, 1] },
    });
    const names = Array.from({ length: 30 }, (_, i) => `turn-${i}`);
    for (const name of names) {
      await makeSecret(name, label);
      await new Promise((resolve) => setTimeout(resolve, 80));
    }
    await eventually(() => {
      expect(changes).toEqual(names.map((name) => `added ${name}`));
    });
    expect(restarts).toEqual([]);
  });
});

describe('a reflector whose connection breaks', () => {
  test('detects a silently dead watch, and reports what happened meanwhile', async () => {
    const { label, labelSelector } = uniqueLabel();
    const way = await brokenWay();
    const { changes, restarts, reflector } = await observe({
      client: way.client,
      resource: secrets,
      namespace,
      labelSelector,
      timing: { idleTimeoutMs: 1_000, backoff: { baseMs: 50, maxMs: 300 } },
    });
    await makeSecret('silent-1', label);
    await eventually(() => {
      expect(changes).toEqual(['added silent-1']);
    });
    // The connection stays open, but no data arrives any more.
    way.proxy.dropAnswers();
    await removeSecret('silent-1');
    await makeSecret('silent-2', label);
    await eventually(() => {
      expect(restarts).toContain('UND_ERR_BODY_TIMEOUT');
    });
    expect(changes).toEqual(['added silent-1']);
    expect(reflector.get(`${namespace}/silent-1`)).toBeDefined();

    await way.proxy.heal();
    await eventually(() => {
      expect(changes).toEqual(['added silent-1', 'deleted silent-1', 'added silent-2']);
    });
  });

  test('resumes after a cut, and reports what was deleted meanwhile', async () => {
    const { label, labelSelector } = uniqueLabel();
    await Promise.all(['cut-1', 'cut-2', 'cut-3'].map((name) => makeSecret(name, label)));
    const way = await brokenWay();
    const options = { client: way.client, resource: secrets, namespace, labelSelector };
    const { changes, restarts } = await observe(options);
    changes.length = 0;
    await way.proxy.cut();
    await removeSecret('cut-1');
    await removeSecret('cut-2');
    await makeSecret('cut-1', label);
    await eventually(() => {
      expect(restarts).toContain('ECONNREFUSED');
    });
    await way.proxy.heal();
    await eventually(() => {
      expect(changes).toEqual(['deleted cut-1', 'deleted cut-2', 'added cut-1']);
    });
  });
});

describe('a kind that is created and deleted', () => {
  const thingSchema = z.object({ metadata: objectMeta, spec: z.object({ size: z.number() }) });
  const group = `kube-${randomBytes(4).toString('hex')}.rock-os.io`;
  const things: Resource<z.infer<typeof thingSchema>> = {
    group,
    version: 'v1',
    plural: 'things',
    kind: 'Thing',
    namespaced: true,
    schema: thingSchema,
  };
  const definition = {
    metadata: { name: `things.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind: 'Thing', plural: 'things' },
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          schema: {
            openAPIV3Schema: {
              type: 'object',
              properties: { spec: { type: 'object', properties: { size: { type: 'integer' } } } },
            },
          },
        },
      ],
    },
  };

  test('is reflected as soon as it exists', async () => {
    const { changes, reflector } = await observe({ client, resource: things, optional: true });
    expect(reflector.list()).toEqual([]);

    await client.create(customResourceDefinitions, definition);
    onTestFinished(async () => {
      await client.delete(customResourceDefinitions, definition.metadata).catch(() => undefined);
    });
    const thing = { metadata: { namespace, name: 'one' }, spec: { size: 1 } };
    await eventually(() => client.create(things, thing));
    await eventually(() => {
      expect(changes).toEqual(['added one']);
    });

    await client.delete(customResourceDefinitions, definition.metadata);
    await eventually(() => {
      expect(changes).toEqual(['added one', 'deleted one']);
    });
  });
});
