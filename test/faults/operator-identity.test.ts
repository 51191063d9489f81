import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { LEDGER_HEAD_CONFIG_MAP, SYSTEM_NAMESPACE, TICKET_KEY } from '../../api/names.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { mac } from '../../mac/mac-address.ts';
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { install, type Installation } from '../env/installation.ts';
import type { ControlPlane } from '../env/kubernetes/control-plane.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, aPod, shownAllocations } from '../integration/installed-env.ts';
import { openShell, type RockMacShell } from '../integration/rock-mac-shell.ts';

/*
 * Two control planes with one identity. A copy of etcd has the uid of kube-system and the ticket of the original. Here the copy
 * is another cluster that got both: the uid by its configuration, and the ticket in a ConfigMap. It got a pool, too.
 */
let testEnv: TestEnv;
let ledger: LedgerClient;
let shell: RockMacShell;
let ledgerUrl = '';
let clusterId = '';
const installations: Installation[] = [];

const original = (): ControlPlane => testEnv.controlPlane;
function copy(): ControlPlane {
  const [, second] = testEnv.controlPlanes;
  if (second === undefined) throw new Error('there is no second control plane');
  return second;
}

async function installInto(controlPlane: ControlPlane, env: NodeJS.ProcessEnv = {}): Promise<Installation> {
  // The copy has the login of the original, as it has all of its Secrets.
  const installation = await install({ testEnv, controlPlane, ledgerUrl, login: 'owner', env });
  installations.push(installation);
  return installation;
}

const configMap = z.object({ data: z.record(z.string(), z.string()) });

async function storedHead(): Promise<Record<string, string>> {
  const args = ['get', 'configmap', LEDGER_HEAD_CONFIG_MAP, '-n', SYSTEM_NAMESPACE, '-o', 'json'];
  return configMap.parse(JSON.parse(await original().kubectl(args))).data;
}

async function copyPool(name: string): Promise<void> {
  const { apiVersion, kind, spec } = z
    .object({ apiVersion: z.string(), kind: z.string(), spec: z.unknown() })
    .parse(JSON.parse(await original().kubectl(['get', 'macpool', name, '-o', 'json'])));
  await copy().kubectl(['create', '-f', '-'], {
    input: JSON.stringify({ apiVersion, kind, metadata: { name }, spec }),
  });
}

const pool = z.object({
  status: z.object({
    conditions: z.array(z.object({ type: z.string(), status: z.string(), reason: z.string(), message: z.string() })),
  }),
});

async function untilIdentityIs(plane: ControlPlane, reason: string): Promise<string> {
  return await eventually(
    async () => {
      const { status } = pool.parse(JSON.parse(await plane.kubectl(['get', 'macpool', 'development', '-o', 'json'])));
      const found = status.conditions.find(({ type }) => type === 'ClusterIdentityShared');
      expect(found?.reason).toBe(reason);
      return found?.message ?? '';
    },
    { within: 120_000, every: 500 },
  );
}

async function untilAllocated(plane: ControlPlane, name: string): Promise<string> {
  return await eventually(
    async () => {
      const found = (await shownAllocations(plane)).find(({ metadata }) => metadata.name === name);
      expect(found?.status?.mac).toBeDefined();
      return found?.status?.mac ?? '';
    },
    { within: 60_000, every: 200 },
  );
}

beforeAll(async () => {
  testEnv = await startTestEnv({
    controlPlanes: [{ name: 'original' }, { name: 'copy' }],
    postgres: { fsync: false },
  });
  ledgerUrl = await testEnv.postgres.createDatabase('rock_mac');
  const first = await installInto(original());
  await first.ready();
  clusterId = await original().kubectl(['get', 'namespace', 'kube-system', '-o', 'jsonpath={.metadata.uid}']);
  ledger = openLedger({
    ...{ url: ledgerUrl, applicationName: 'test', max: 1 },
    ...{ connectTimeoutMs: 5_000, statementTimeoutMs: 10_000 },
  });
  shell = await openShell({ ROCK_MAC_LEDGER_URL: ledgerUrl });
}, 240_000);

afterAll(async () => {
  await shell.close();
  await ledger.close();
  for (const installation of installations) await installation.close();
  await testEnv.close();
});

describe('a copy of a cluster that runs beside it', () => {
  let kept = '';

  test('gets no address and releases none, and both say so', async () => {
    await original().kubectl(['create', '-f', '-'], { input: aClaim('kept', { pool: 'development' }) });
    kept = await untilAllocated(original(), 'kept');
    // Webhooks show the first ticket of a pair, which the very first pair of a cluster does not have.
    const copied = await eventually(
      async () => {
        const head = await storedHead();
        expect(head[TICKET_KEY]).toContain('"prev"');
        return head;
      },
      { within: 120_000, every: 1_000 },
    );
    await copy().kubectl(['create', 'namespace', SYSTEM_NAMESPACE]);
    await copy().kubectl(['create', '-f', '-'], {
      input: JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { name: LEDGER_HEAD_CONFIG_MAP, namespace: SYSTEM_NAMESPACE },
        data: copied,
      }),
    });
    // A copy that starts before the next ticket looks like a restart.
    await eventually(
      async () => {
        expect((await storedHead())[TICKET_KEY]).not.toContain(nextOf(copied[TICKET_KEY]));
      },
      { within: 120_000, every: 1_000 },
    );
    await installInto(copy(), { ROCK_MAC_CLUSTER_ID: clusterId, ROCK_MAC_RESYNC_SECONDS: '2' });
    await copyPool('development');
    await untilIdentityIs(copy(), 'Newcomer');
    expect(await untilIdentityIs(original(), 'Copied')).toContain(`rock-mac cluster continue ${clusterId} known`);

    const pod = copy().kubectl(['create', '-f', '-'], { input: aPod('refused', { networks: 'blue' }) });
    await expect(pod).rejects.toThrow(/identity of this cluster/);
    await copy().kubectl(['create', '-f', '-'], { input: aClaim('refused', { pool: 'development' }) });
    await original().kubectl(['create', '-f', '-'], { input: aClaim('another', { pool: 'development' }) });
    await untilAllocated(original(), 'another');
    const [refused] = await shownAllocations(copy());
    expect(refused?.status?.mac).toBeUndefined();
    expect((await findByMac(ledger, mac(kept)))?.state).toBe('active');
  }, 400_000);

  test('leaves the original alone once an admin has decided', async () => {
    for (const installation of installations.splice(1)) await installation.close();
    const decided = await shell.rockMac('cluster', 'continue', clusterId, 'known');
    expect(decided.stderr).toBe('');
    expect(decided.code).toBe(0);
    await untilIdentityIs(original(), 'Unique');
    expect((await findByMac(ledger, mac(kept)))?.state).toBe('active');
  }, 240_000);
});

/** Returns the newest ticket of a stored pair. */
function nextOf(stored = '{}'): string {
  return z.object({ next: z.string() }).parse(JSON.parse(stored)).next;
}
