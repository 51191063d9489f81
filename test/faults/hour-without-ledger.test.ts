import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { NETWORKS_ANNOTATION } from '../../api/multus-networks.ts';
import { SCHEDULING_GATE } from '../../api/names.ts';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { macAllocations, macPools } from '../../kube/client/mac-resources.ts';
import { objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { listAddresses } from '../../ledger/address/find.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { install, type Installation } from '../env/installation.ts';
import type { ControlPlane } from '../env/kubernetes/control-plane.ts';
import { startTcpProxy, type TcpProxy } from '../env/network/tcp-proxy.ts';
import { eventually } from '../env/run/eventually.ts';
import { aPod, setLedgerAhead, whileLedgerIsAhead } from '../integration/installed-env.ts';

/*
 * Two clusters create a pod a second while their ledger is away, and delete pods of before. Both have a controller whose creates
 * fail on a quota, after the webhook. In the north the webhook has a stock, and pods start at once. In the south it has none, and
 * pods wait with a gate. The outage takes a bit more than a minute; the clock of the ledger then shows an hour more. Sixty seconds
 * after the ledger is back, everything is as it would be without the outage.
 */

const LOAD_MS = 75_000;
const RIGHT_WITHIN_MS = 60_000;
/** Pods of before the outage in each cluster. All of them are deleted in it. */
const BEFORE = 20;
/** One namespace gets at most a quarter of a stock. The pods of the outage are fewer than that. */
const STOCK = 500;
/** Pods of this namespace are never stored. */
const BROKE = 'broke';

const schema = z.object({
  metadata: objectMeta,
  spec: z.object({ schedulingGates: z.array(z.object({ name: z.string() })).default([]) }),
});
type GatedPod = z.infer<typeof schema>;
const pods: Resource<GatedPod> = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true, schema };

interface Cluster {
  readonly plane: ControlPlane;
  readonly client: KubeClient;
  readonly installation: Installation;
}

let testEnv: TestEnv;
let proxy: TcpProxy;
let ledger: LedgerClient;
let clusters: readonly Cluster[];

beforeAll(async () => {
  testEnv = await startTestEnv({
    postgres: { fsync: false },
    controlPlanes: [{ name: 'north' }, { name: 'south' }],
  });
  const url = await testEnv.postgres.createDatabase('rock_mac');
  const direct = new URL(url);
  proxy = await startTcpProxy({ host: direct.hostname, port: Number(direct.port) });
  const proxied = new URL(url);
  proxied.port = String(proxy.port);
  const started: Cluster[] = [];
  // One after the other: two starts at once would take longer on two cores.
  for (const plane of testEnv.controlPlanes) {
    const env = { ROCK_MAC_CLUSTER_NAME: plane.name, ROCK_MAC_RESYNC_SECONDS: '5' };
    const stock = plane.name === 'north';
    const installation = await install({ testEnv, controlPlane: plane, ledgerUrl: proxied.href, env, stock });
    await installation.ready();
    const logger = pino({ enabled: false });
    const client = createKubeClient({ userAgent: 'test', kubeconfig: plane.kubeconfig, logger });
    started.push({ plane, client, installation });
  }
  clusters = started;
  const connection = { applicationName: 'test', max: 2, connectTimeoutMs: 5_000, statementTimeoutMs: 10_000 };
  ledger = openLedger({ url, ...connection });
}, 300_000);

afterAll(async () => {
  await ledger.close();
  for (const { client, installation } of clusters) {
    await client.close();
    await installation.close();
  }
  await proxy.close();
  await testEnv.close();
}, 120_000);

async function create({ client }: Cluster, name: string, namespace = 'default'): Promise<GatedPod> {
  const manifest = JSON.parse(aPod(name, { networks: 'blue' })) as NewObject;
  return await client.create(pods, manifest, { namespace, attempts: 1 });
}

function macOf({ metadata }: GatedPod): string | undefined {
  return /"mac":"([0-9a-f:]{17})"/.exec(metadata.annotations?.[NETWORKS_ANNOTATION] ?? '')?.[1];
}

/**
 * Every pod has an address that no other pod has, and the ledger and the mirrors know exactly these. What a stock gave to pods that
 * were never stored is left out unless `all` is given: it has a lease, from the moment at which the ledger heard of it.
 */
async function requireRight(wanted: readonly number[], all?: 'all'): Promise<void> {
  const found: string[] = [];
  for (const [index, { client }] of clusters.entries()) {
    const { items } = await client.list(pods, { namespace: 'default' });
    expect(items).toHaveLength(wanted[index] ?? Number.NaN);
    for (const pod of items) expect(pod.spec.schedulingGates).not.toContainEqual({ name: SCHEDULING_GATE });
    const macs = items.map((pod) => macOf(pod) ?? `none on ${pod.metadata.name}`);
    const mirrors = (await client.list(macAllocations)).items;
    expect(mirrors.map(({ spec }) => spec.mac).toSorted()).toEqual(macs.toSorted());
    found.push(...macs);
  }
  expect(new Set(found).size).toBe(found.length);
  const rows = await listAddresses(ledger, { states: ['pending', 'active', 'orphaned'], limit: 10_000 });
  const held = all === undefined ? rows.filter(({ owner }) => owner?.namespace !== BROKE) : rows;
  expect(held.map(({ mac }) => mac as string).toSorted()).toEqual(found.toSorted());
  expect(held.filter(({ state, missingSince }) => state !== 'active' || missingSince !== undefined)).toEqual([]);
}

test('an hour without a ledger refuses no pod, and leaves no duplicate, no loss and nothing to approve', async () => {
  const [north, south] = clusters as [Cluster, Cluster];
  for (const cluster of clusters) {
    const { kubectl } = cluster.plane;
    await kubectl(['create', 'namespace', BROKE]);
    await kubectl(['create', 'quota', 'none', '-n', BROKE, '--hard=pods=0']);
    await eventually(() => kubectl(['get', 'serviceaccount', 'default', '-n', BROKE]), { within: 20_000 });
    await eventually(() => create(cluster, 'before-0'), { within: 30_000, every: 200 });
    for (let count = 1; count < BEFORE; count++) await create(cluster, `before-${String(count)}`);
  }
  await eventually(() => requireRight([BEFORE, BEFORE], 'all'), { within: 60_000, every: 500 });
  await eventually(
    async () => {
      const [webhook] = north.installation.webhooks;
      expect(await webhook?.metric('rockmac_stock_addresses')).toBeGreaterThan(STOCK);
    },
    { within: 60_000, every: 500 },
  );

  await proxy.cut();
  const failures: string[] = [];
  const created = [0, 0];
  const overQuota = [0, 0];
  const ends = performance.now() + LOAD_MS;

  async function load(cluster: Cluster, index: number): Promise<void> {
    for (let count = 0; performance.now() < ends; count++) {
      const next = performance.now() + 1_000;
      try {
        const { spec } = await create(cluster, `during-${String(count)}`);
        expect(spec.schedulingGates).toEqual(cluster === north ? [] : [{ name: SCHEDULING_GATE }]);
        created[index] = (created[index] ?? 0) + 1;
        if (count < BEFORE)
          await cluster.client.delete(pods, { namespace: 'default', name: `before-${String(count)}` });
      } catch (error) {
        failures.push(String(error));
      }
      await sleep(Math.max(0, next - performance.now()));
    }
  }

  async function failOnQuota(cluster: Cluster, index: number): Promise<void> {
    for (let count = 0; performance.now() < ends; count++) {
      await expect(create(cluster, `broke-${String(count)}`, BROKE)).rejects.toThrow(/exceeded quota/);
      overQuota[index] = (overQuota[index] ?? 0) + 1;
      await sleep(200);
    }
  }

  await Promise.all([load(north, 0), load(south, 1), failOnQuota(north, 0), failOnQuota(south, 1)]);
  expect(failures).toEqual([]);
  expect(Math.min(...created)).toBeGreaterThan(60);
  expect(Math.min(...overQuota)).toBeGreaterThan(100);

  await whileLedgerIsAhead(ledger, '1 hour', async () => {
    await proxy.heal();
    const back = performance.now();
    await eventually(() => requireRight(created), { within: RIGHT_WITHIN_MS, every: 1_000 });
    console.log(
      `right ${String(Math.round((performance.now() - back) / 1_000))} s after the return, ${String(created)} pods`,
    );
    // A few resyncs later nothing has changed, and nothing waits for a person.
    await sleep(12_000);
    await requireRight(created);
    for (const { client } of clusters) {
      for (const { metadata, status } of (await client.list(macPools)).items) {
        const isTrue = (type: string) => status?.conditions?.find((each) => each.type === type)?.status === 'True';
        expect([metadata.name, isTrue('LedgerOpen'), isTrue('AutoReleaseHeld')]).toEqual([metadata.name, true, false]);
      }
    }
    await setLedgerAhead(ledger, '65 minutes');
    await eventually(() => requireRight(created, 'all'), { within: 60_000, every: 1_000 });
  });
  // This test has replaced the clock and its check.
  expect((await checkLedger(ledger)).filter(({ rule }) => rule !== 'guards-in-place')).toEqual([]);
}, 400_000);
