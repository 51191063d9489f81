import { randomUUID } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createKubeClient, type KubeClient, type KubeClientOptions } from '../../kube/client/client.ts';
import { type Secret, secrets } from '../../kube/client/core-resources.ts';
import { createReflector } from '../../kube/controller/reflector.ts';
import { type ControlPlane, startControlPlane } from '../env/kubernetes/control-plane.ts';
import { closeServer, listen } from '../env/network/sockets.ts';
import { startTcpProxy } from '../env/network/tcp-proxy.ts';

/* A cluster with 60,000 objects of one kind, about as many as a pool has addresses. */

const total = 60_000;
/** The limit of etcd for operations in one transaction. */
const etcdTransaction = 128;

const label = { test: 'large' };
const selection = { namespace: 'default', labelSelector: 'test=large' };
/** For lists whose pages are counted, or that must end before the next compaction. */
const pageSize = 500;

let plane: ControlPlane;
let admin: KubeClient;

function connect(options: Partial<KubeClientOptions> = {}): KubeClient {
  const client = createKubeClient({ kubeconfig: plane.kubeconfig, userAgent: 'rock-mac-test', ...options });
  onTestFinished(() => client.close());
  return client;
}

function nameOf(number: number): string {
  return `large-${String(number).padStart(5, '0')}`;
}

beforeAll(async () => {
  const etcd = await freePort();
  // The default of 5 minutes between compactions is too long for a test.
  plane = await startControlPlane({ ports: { etcd }, apiServerFlags: ['--etcd-compaction-interval=10s'] });
  admin = createKubeClient({ kubeconfig: plane.kubeconfig, userAgent: 'rock-mac-test' });
  await fillEtcd(`http://127.0.0.1:${etcd}`);
});

/**
 * Writes the objects directly to etcd as JSON, which the API server can read. Creating them through the API server would
 * take minutes.
 */
async function fillEtcd(url: string): Promise<void> {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  const put = (name: string) => {
    const metadata = {
      namespace: 'default',
      name,
      labels: label,
      uid: randomUUID(),
      creationTimestamp: '2030-01-01T00:00:00Z',
    };
    const object = { apiVersion: 'v1', kind: 'Secret', metadata, type: 'Opaque' };
    return { requestPut: { key: base64(`/registry/secrets/default/${name}`), value: base64(JSON.stringify(object)) } };
  };
  for (let done = 0; done < total; done += etcdTransaction) {
    const names = Array.from({ length: Math.min(etcdTransaction, total - done) }, (_, i) => nameOf(done + i));
    const response = await fetch(`${url}/v3/kv/txn`, {
      method: 'POST',
      body: JSON.stringify({ success: names.map(put) }),
    });
    if (!response.ok) throw new Error(`etcd responded with ${response.status}: ${await response.text()}`);
  }
}

async function freePort(): Promise<number> {
  const { server, port } = await listen({ host: '127.0.0.1', port: 0 }, () => undefined);
  await closeServer(server);
  return port;
}

afterAll(async () => {
  await admin.close();
  await plane.close();
});

function expectAll(items: readonly Secret[]): void {
  expect(items).toHaveLength(total);
  expect(new Set(items.map(({ metadata }) => metadata.name)).size).toBe(total);
}

describe('60,000 objects', () => {
  test('are listed completely in pages', async () => {
    const statuses: string[] = [];
    const client = connect({ metrics: { request: ({ status }) => statuses.push(status) } });
    const { items } = await client.list(secrets, { ...selection, pageSize });
    expectAll(items);
    // Only successful pages, because a busy server may make the client retry one.
    expect(statuses.filter((status) => status === '200')).toHaveLength(total / pageSize);
  });

  test('are listed again when their revision is compacted between two pages', async () => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: plane.port });
    const folder = await mkdtemp(join(tmpdir(), 'kube-large-'));
    onTestFinished(async () => {
      await proxy.close();
      await rm(folder, { recursive: true });
    });
    const path = join(folder, 'via-proxy');
    const text = await readFile(plane.kubeconfig, 'utf8');
    await writeFile(path, text.replace(plane.url, `https://127.0.0.1:${proxy.port}`));

    const statuses: string[] = [];
    const client = connect({
      kubeconfig: path,
      requestTimeoutMs: 60_000,
      metrics: {
        request: ({ status }) => {
          statuses.push(status);
          // Both directions together take longer than two compactions.
          if (statuses.length === 10) proxy.delay(12_000);
          if (status === '410') proxy.delay(0);
        },
      },
    });
    const writing = setInterval(() => {
      void admin
        .patch(secrets, { namespace: 'default', name: nameOf(0) }, { type: 'merge', body: { data: { now: stamp() } } })
        .catch(() => undefined);
    }, 200);
    onTestFinished(() => {
      clearInterval(writing);
    });
    const { items } = await client.list(secrets, { ...selection, pageSize });
    expectAll(items);
    expect(statuses.filter((status) => status !== '200')).toEqual(['410']);
  });

  test('reach a reflector whose server is killed in the middle of the list', async () => {
    let pages = 0;
    const killed = Promise.withResolvers<undefined>();
    const client = connect({
      metrics: {
        request: ({ status }) => {
          if (status === '200') pages++;
          if (pages === 30) killed.resolve(undefined);
        },
      },
    });
    const changes = { added: 0, updated: 0, deleted: 0, resync: 0 };
    const restarts: string[] = [];
    const reflector = createReflector({
      client,
      resource: secrets,
      ...selection,
      onChange: ({ type }) => changes[type]++,
      timing: { backoff: { baseMs: 100, maxMs: 2_000 } },
      logger: pino({ level: 'silent' }),
      metrics: { restarted: ({ reason }) => restarts.push(reason) },
    });
    onTestFinished(() => reflector.stop());
    reflector.start();
    await killed.promise;
    await plane.apiServer.kill();
    expect(changes.added).toBe(0);
    await plane.apiServer.start();
    await reflector.hasSynced();
    expectAll(reflector.list());
    expect(changes).toEqual({ added: total, updated: 0, deleted: 0, resync: 0 });
  });

  test('are kept by a reflector only if they pass its filter', async () => {
    const client = connect();
    const reflector = createReflector({
      client,
      resource: secrets,
      ...selection,
      keep: ({ metadata }) => metadata.name.endsWith('00'),
      onChange: () => undefined,
      logger: pino({ level: 'silent' }),
    });
    onTestFinished(() => reflector.stop());
    reflector.start();
    await reflector.hasSynced();
    expect(reflector.list()).toHaveLength(total / 100);
  });
});

function stamp(): string {
  return Buffer.from(String(performance.now())).toString('base64');
}
