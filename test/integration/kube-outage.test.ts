import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createKubeClient, type KubeClient, type KubeClientOptions } from '../../kube/client/client.ts';
import { namespaces, type Secret, secrets } from '../../kube/client/core-resources.ts';
import { runLeaderElection } from '../../kube/controller/leader-election.ts';
import { createReflector } from '../../kube/controller/reflector.ts';
import { systemClock } from '../../time/clock.ts';
import { type ControlPlane, startControlPlane } from '../env/kubernetes/control-plane.ts';
import { startTcpProxy } from '../env/network/tcp-proxy.ts';
import { eventually } from '../env/testing.ts';

/* Tests that need their own API server, because they kill it or change the certificates of its users. */

let plane: ControlPlane;
let admin: KubeClient;
let folder: string;

beforeAll(async () => {
  plane = await startControlPlane();
  folder = await mkdtemp(join(tmpdir(), 'kube-outage-'));
  admin = createKubeClient({ kubeconfig: plane.kubeconfig, userAgent: 'rock-mac-test' });
});

afterAll(async () => {
  await admin.close();
  await plane.close();
  await rm(folder, { recursive: true });
});

function connectFor(options: Partial<KubeClientOptions>): KubeClient {
  const client = createKubeClient({ userAgent: 'rock-mac-test', requestTimeoutMs: 2_000, ...options });
  onTestFinished(() => client.close());
  return client;
}

const silent = pino({ level: 'silent' });
const labels = { test: 'outage' };

function makeSecret(name: string): Promise<Secret> {
  return admin.create(secrets, { metadata: { namespace: 'default', name, labels } });
}

async function observe(client: KubeClient) {
  const changes: string[] = [];
  const restarts: string[] = [];
  const reflector = createReflector({
    client,
    resource: secrets,
    labelSelector: 'test=outage',
    onChange: ({ type, object }) => changes.push(`${type} ${object.metadata.name}`),
    timing: { backoff: { baseMs: 50, maxMs: 500 } },
    logger: silent,
    metrics: { restarted: ({ reason }) => restarts.push(reason) },
  });
  onTestFinished(() => reflector.stop());
  reflector.start();
  await reflector.hasSynced();
  return { changes, restarts };
}

describe('an API server that is killed and restarted', () => {
  test('loses no change of a reflector, and its leader steps down meanwhile', async () => {
    await makeSecret('before');
    const client = connectFor({ kubeconfig: plane.kubeconfig });
    const { changes, restarts } = await observe(client);
    const leaderRuns: string[] = [];
    const election = runLeaderElection({
      client,
      namespace: 'default',
      name: 'outage',
      identity: 'me',
      leaseDurationMs: 2_000,
      renewDeadlineMs: 1_000,
      retryPeriodMs: 200,
      onStarted: (signal) => {
        leaderRuns.push('started');
        signal.addEventListener('abort', () => void leaderRuns.push('stopped'));
      },
      logger: silent,
    });
    onTestFinished(() => election.stop());
    await eventually(() => {
      expect(leaderRuns).toEqual(['started']);
    });

    await plane.apiServer.kill();
    const during = admin.get(namespaces, { name: 'default' }).catch((error: unknown) => error);
    await eventually(() => {
      expect(restarts.length).toBeGreaterThan(1);
      expect(leaderRuns).toEqual(['started', 'stopped']);
    });
    expect(await during).toMatchObject({ name: 'KubeConnectionError', sent: false });
    await plane.apiServer.start();

    await eventually(() => admin.delete(secrets, { namespace: 'default', name: 'before' }));
    await makeSecret('after');
    await eventually(() => {
      expect(changes).toEqual(['added before', 'deleted before', 'added after']);
      expect(leaderRuns).toEqual(['started', 'stopped', 'started']);
    });
  });

  test('has lost the events that a reflector missed, so the reflector lists and reports what was deleted', async () => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: plane.port });
    onTestFinished(() => proxy.close());
    const path = join(folder, 'via-proxy');
    const text = await readFile(plane.kubeconfig, 'utf8');
    await writeFile(path, text.replace(plane.url, `https://127.0.0.1:${proxy.port}`));
    await Promise.all(['stays', 'goes', 'again'].map(makeSecret));
    const { changes, restarts } = await observe(connectFor({ kubeconfig: path }));
    changes.length = 0;

    await proxy.cut();
    await admin.delete(secrets, { namespace: 'default', name: 'goes' });
    await admin.delete(secrets, { namespace: 'default', name: 'again' });
    await makeSecret('again');
    await makeSecret('new');
    // The restarted server knows only events from here on.
    await plane.apiServer.kill();
    await plane.apiServer.start();
    await proxy.heal();
    await eventually(() => {
      expect(changes.toSorted()).toEqual(['added again', 'added new', 'deleted again', 'deleted goes']);
    });
    expect(changes.indexOf('deleted again')).toBeLessThan(changes.indexOf('added again'));
    expect(restarts).toContain('gone');
  });
});

const whoAmI = z.object({ status: z.object({ userInfo: z.object({ username: z.string() }) }) });

async function identityOf(client: KubeClient): Promise<string> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
  const response = await client.raw('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', body);
  return whoAmI.parse(response).status.userInfo.username;
}

const embedded = z.object({
  users: z.tuple([
    z.object({ user: z.object({ 'client-certificate-data': z.string(), 'client-key-data': z.string() }) }),
  ]),
});

/** Writes the certificate of a user to the files that the kubeconfig under test names. */
async function becomeUser(name: string): Promise<void> {
  const { users } = embedded.parse(parse(await readFile(await plane.userKubeconfig(name), 'utf8')));
  const { user } = users[0];
  await writeFile(join(folder, 'client.crt'), Buffer.from(user['client-certificate-data'], 'base64'));
  await writeFile(join(folder, 'client.key'), Buffer.from(user['client-key-data'], 'base64'));
}

/** Writes a kubeconfig that names files for everything, like an installation with mounted certificates. */
async function kubeconfigOfFiles(): Promise<string> {
  const path = join(folder, 'of-files');
  await writeFile(
    path,
    JSON.stringify({
      clusters: [{ name: 'a', cluster: { server: plane.url, 'certificate-authority': 'ca.crt' } }],
      users: [{ name: 'a', user: { 'client-certificate': 'client.crt', 'client-key': 'client.key' } }],
      contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
      'current-context': 'a',
    }),
  );
  return path;
}

describe('a certificate that changes on disk', () => {
  test('is used for new connections, without a restart', async () => {
    await writeFile(join(folder, 'ca.crt'), plane.caCertificate);
    await becomeUser('alice');
    const clock = { ...systemClock, shiftMs: 0, now: () => systemClock.now() + clock.shiftMs };
    const reconnects: string[] = [];
    const metrics = { reconnect: (reason: string) => void reconnects.push(reason) };
    const client = connectFor({ kubeconfig: await kubeconfigOfFiles(), clock, metrics });
    expect(await identityOf(client)).toBe('alice');

    await becomeUser('bob');
    expect(await identityOf(client)).toBe('alice');
    clock.shiftMs = 10_000;
    expect(await identityOf(client)).toBe('bob');
    expect(reconnects).toContain('credentials');
  });

  test('is used at once when the old CA did not sign the certificate of the server', async () => {
    const stranger = await readFile(await strangersCertificate(), 'utf8');
    await writeFile(join(folder, 'ca.crt'), stranger);
    await becomeUser('carol');
    const client = connectFor({ kubeconfig: await kubeconfigOfFiles() });
    const refused = await identityOf(client).catch((error: unknown) => error);
    expect(refused).toMatchObject({ name: 'KubeConnectionError', sent: false });

    await writeFile(join(folder, 'ca.crt'), plane.caCertificate);
    expect(await identityOf(client)).toBe('carol');
  });
});

/** Writes a valid certificate that did not sign the server's: the one of a client. */
async function strangersCertificate(): Promise<string> {
  await becomeUser('stranger');
  return join(folder, 'client.crt');
}
