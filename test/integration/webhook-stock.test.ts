import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { NETWORKS_ANNOTATION } from '../../api/multus-networks.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { NewObject } from '../../kube/client/write.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByMac, listAddresses } from '../../ledger/address/find.ts';
import { listStock } from '../../ledger/stock/stock.ts';
import { mac } from '../../mac/mac-address.ts';
import type { Program } from '../env/installation.ts';
import { eventually } from '../env/run/eventually.ts';
import { aPod, installedEnvOfThisFile } from './installed-env.ts';

/*
 * Tests the stock of a webhook, with the operator, on a real API server and a real ledger.
 */

const installed = installedEnvOfThisFile({ stock: true });
const within = { within: 40_000, every: 100 };
const ANSWERS = 'rockmac_stock_answers_total';

type StoredPod = z.infer<typeof schema>;
const schema = z.object({
  metadata: objectMeta,
  spec: z.looseObject({ schedulingGates: z.array(z.object({ name: z.string() })).default([]) }),
});
const pods: Resource<StoredPod> = { group: '', version: 'v1', plural: 'pods', kind: 'Pod', namespaced: true, schema };

let ann: KubeClient;

beforeAll(async () => {
  const { plane } = installed();
  const asAnn = { user: 'ann', groups: ['system:masters'] };
  const logger = pino({ enabled: false });
  ann = createKubeClient({ userAgent: 'test', kubeconfig: plane.kubeconfig, logger, impersonate: asAnn });
  await eventually(() => create('first'), within);
  await untilStocked(webhook());
});

afterAll(async () => {
  await ann.close();
});

function webhook(): Program {
  const found = installed().installation.webhooks.at(-1);
  if (found === undefined) throw new Error('no webhook was started');
  return found;
}

async function untilStocked(program: Program): Promise<void> {
  await eventually(async () => {
    expect(await program.metric('rockmac_stock_addresses')).toBeGreaterThan(16);
  }, within);
}

type PodOptions = Parameters<typeof aPod>[1] & { readonly metadata?: object; readonly namespace?: string };

async function create(name: string, { metadata, namespace = 'default', ...rest }: PodOptions = {}): Promise<StoredPod> {
  const manifest = JSON.parse(aPod(name, { networks: 'blue', ...rest })) as NewObject;
  const pod = { ...manifest, metadata: { ...manifest.metadata, ...metadata } };
  return await ann.create(pods, pod, { namespace, attempts: 1 });
}

function macOf({ metadata }: StoredPod): string {
  return /"mac":"([0-9a-f:]{17})"/.exec(metadata.annotations?.[NETWORKS_ANNOTATION] ?? '')?.[1] ?? 'none';
}

async function rowOf(address: string): Promise<AddressRow | undefined> {
  return await findByMac(installed().ledger, mac(address));
}

/** Waits until an address is bound to the pod, and returns its row. */
async function untilBound(pod: StoredPod): Promise<AddressRow> {
  return await eventually(async () => {
    const row = await rowOf(macOf(pod));
    expect(row).toMatchObject({ state: 'active', owner: { kind: 'Pod', uid: pod.metadata.uid } });
    return row as AddressRow;
  }, within);
}

async function remove(...names: string[]): Promise<void> {
  await installed().plane.kubectl(['delete', 'pod', ...names, '--wait=false', '--force']);
}

describe('a webhook with a stock', () => {
  test('answers from memory, and each pod is bound to its address in the name of its author', async () => {
    const before = await webhook().metric(ANSWERS);
    const names = Array.from({ length: 12 }, (_, index) => `some-${String(index)}`);
    const created = await Promise.all(names.map((name) => create(name)));
    expect(new Set(created.map(macOf)).size).toBe(12);
    expect((await webhook().metric(ANSWERS)) - before).toBe(12);
    const rows = await Promise.all(created.map(untilBound));
    expect(new Set(rows.map(({ requester }) => requester))).toEqual(new Set(['ann']));
    await remove(...names);
    await eventually(async () => {
      for (const pod of created) expect(await rowOf(macOf(pod))).toMatchObject({ state: 'released' });
    }, within);
  });

  test('gives a pod without a name an address that is bound to the name it gets', async () => {
    const pod = await create('', { metadata: { name: undefined, generateName: 'made-' } });
    expect(await untilBound(pod)).toMatchObject({ owner: { name: pod.metadata.name }, requester: 'ann' });
    await remove(pod.metadata.name);
  });

  test('gives each interface an address of its own', async () => {
    const pod = await create('two', { networks: 'blue,blue' });
    const macs = [...(pod.metadata.annotations?.[NETWORKS_ANNOTATION] ?? '').matchAll(/"mac":"([0-9a-f:]{17})"/g)];
    expect(new Set(macs.map(([, address]) => address)).size).toBe(2);
    await eventually(async () => {
      for (const [, address = ''] of macs) {
        expect(await rowOf(address)).toMatchObject({ state: 'active', owner: { uid: pod.metadata.uid } });
      }
    }, within);
    await remove('two');
  });

  test('never repeats an address for a later pod of the same name, also if the manifest has the old one', async () => {
    const before = await create('again');
    await untilBound(before);
    await remove('again');
    const copied = before.metadata.annotations?.[ANNOTATIONS.addresses] ?? '';
    const token = before.metadata.annotations?.[ANNOTATIONS.stockToken] ?? '';
    const annotations = { [ANNOTATIONS.addresses]: copied, [ANNOTATIONS.stockToken]: token };
    const after = await eventually(() => create('again', { annotations }), within);
    expect(macOf(after)).not.toBe(macOf(before));
    await untilBound(after);
    await remove('again');
  });

  test('asks the ledger for a namespace with a limit, which holds', async () => {
    const { plane } = installed();
    await plane.kubectl(['create', 'namespace', 'limited']);
    await plane.kubectl(['annotate', 'namespace', 'limited', `${ANNOTATIONS.maxAddresses}=1`]);
    await eventually(async () => {
      const stored = await plane.kubectl(['get', 'namespace', 'limited', '-o', 'jsonpath={.metadata.annotations}']);
      expect(stored).toContain('max-addresses');
    }, within);
    const before = await webhook().metric(ANSWERS);
    await create('one', { namespace: 'limited' });
    await expect(create('two', { namespace: 'limited' })).rejects.toThrow(/max-addresses|limit/);
    expect(await webhook().metric(ANSWERS)).toBe(before);
  });

  test('takes nothing for a dry run', async () => {
    const before = await webhook().metric(ANSWERS);
    const manifest = aPod('dry', { networks: 'blue' });
    await installed().plane.kubectl(['create', '--dry-run=server', '-f', '-'], { input: manifest });
    expect(await webhook().metric(ANSWERS)).toBe(before);
  });

  test('reports an answer whose pod was never stored, so that the address comes back', async () => {
    const { plane, ledger } = installed();
    await plane.kubectl(['create', 'namespace', 'full']);
    const quota = {
      apiVersion: 'v1',
      kind: 'ResourceQuota',
      metadata: { name: 'none' },
      spec: { hard: { pods: '0' } },
    };
    await plane.kubectl(['create', '-n', 'full', '-f', '-'], { input: JSON.stringify(quota) });
    await eventually(async () => {
      expect(
        await plane.kubectl(['get', 'resourcequota', 'none', '-n', 'full', '-o', 'jsonpath={.status.used}']),
      ).toContain('pods');
    }, within);
    await expect(create('refused', { namespace: 'full' })).rejects.toThrow('exceeded quota');
    await eventually(async () => {
      const addresses = await listAddresses(ledger, { limit: 1_000 });
      const pending = addresses.filter(({ owner }) => owner?.namespace === 'full');
      expect(pending).toMatchObject([{ state: 'pending', owner: { name: 'refused' }, requester: 'ann' }]);
    }, within);
  });

  test('that is killed right after its answers leaves no pod without its address', async () => {
    const created = await Promise.all(Array.from({ length: 8 }, (_, index) => create(`killed-${String(index)}`)));
    await webhook().kill();
    for (const pod of created) expect(await untilBound(pod)).toMatchObject({ requester: 'ann' });
    await installed().installation.startWebhook();
    await remove(...created.map(({ metadata }) => metadata.name));
  });

  test('returns what it did not use when it ends', async () => {
    const { installation, ledger } = installed();
    await eventually(() => create('wakes'), within);
    await untilStocked(webhook());
    const inStock = async () => (await listStock(ledger)).reduce((sum, { count }) => sum + count, 0);
    const before = await inStock();
    const left = await webhook().metric('rockmac_stock_addresses');
    await webhook().stop();
    expect(before - (await inStock())).toBeGreaterThanOrEqual(left);
    await installation.startWebhook();
    await remove('wakes');
  });
});

describe('while the ledger is away', () => {
  test('pods start with an address from stock, and are bound to it afterwards', async () => {
    const { ledgerProxy } = installed();
    await eventually(() => create('before'), within);
    await untilStocked(webhook());
    await ledgerProxy.cut();
    try {
      const created: StoredPod[] = [];
      for (let index = 0; index < 14; index++) created.push(await create(`away-${String(index)}`));
      expect(new Set(created.map(macOf)).size).toBe(14);
      for (const { spec } of created) expect(spec.schedulingGates).toEqual([]);
      await ledgerProxy.heal();
      for (const pod of created) expect(await untilBound(pod)).toMatchObject({ requester: 'ann' });
    } finally {
      await ledgerProxy.heal();
    }
  });

  test('a pod that the stock cannot serve waits with a gate', async () => {
    const { ledgerProxy } = installed();
    await ledgerProxy.cut();
    try {
      const networks = Array.from({ length: 17 }, () => 'blue').join(',');
      const pod = await create('too-many', { networks });
      expect(pod.spec.schedulingGates).toEqual([{ name: 'mac.rock-os.io/address' }]);
    } finally {
      await ledgerProxy.heal();
    }
  });
});

test('after all of that, no address has two owners, and the ledger agrees with itself', async () => {
  const { ledger } = installed();
  const addresses = await listAddresses(ledger, { limit: 10_000 });
  const owners = addresses.filter(({ state }) => state === 'active').map(({ key }) => key);
  expect(new Set(owners).size).toBe(owners.length);
});
