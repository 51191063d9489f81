import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeKeys } from '../../api/admission-keys.ts';
import { ADMISSION_KEYS_SECRET, ANNOTATIONS, SYSTEM_NAMESPACE } from '../../api/names.ts';
import { signStockToken } from '../../api/stock-token.ts';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { readClusterId } from '../../kube/client/cluster-id.ts';
import { pods } from '../../kube/client/core-resources.ts';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { admissionKey } from '../../ledger/address/holder-key.ts';
import { observationsOfMac } from '../../ledger/observation/observations.ts';
import { recover } from '../../ledger/state/recovery.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { type AssignOutcome, assignStock, returnStock } from '../../ledger/stock/leave-stock.ts';
import { checkStock, fillStock, type StockHolder, stockOf } from '../../ledger/stock/stock.ts';
import { mac, type MacAddress } from '../../mac/mac-address.ts';
import { listLiveWorkloads } from '../../operator/live/list-live.ts';
import { workloadKinds } from '../../operator/live/workload-kinds.ts';
import { findGoneHolders, reclaimStock } from '../../operator/resync/reclaim-stock.ts';
import { createGoneHolders } from '../../operator/stock/gone-holders.ts';
import { eventually } from '../env/run/eventually.ts';
import { auditOf, installedEnvOfThisFile } from './installed-env.ts';

/*
 * The operator's part of stock. The test is the webhook: it has addresses set aside, and writes them with their tokens into pods of
 * a namespace that no webhook is asked about.
 */
const installed = installedEnvOfThisFile({ webhooks: 0, env: { ROCK_MAC_RESYNC_SECONDS: '2' } });
const NAMESPACE = 'web';
const NIC = `${NAMESPACE}/net#0`;
const KEY = Buffer.alloc(32, 7);

let client: KubeClient;
let clusterId: string;

const kubectl = (args: readonly string[], input?: string) =>
  installed().plane.kubectl(args, input === undefined ? {} : { input });

beforeAll(async () => {
  const { plane } = installed();
  client = createKubeClient({ userAgent: 'test', kubeconfig: plane.kubeconfig });
  clusterId = await readClusterId(client);
  const keys = { current: KEY, rotatedAt: new Date() };
  const metadata = { name: ADMISSION_KEYS_SECRET, namespace: SYSTEM_NAMESPACE };
  await kubectl(
    ['create', '-f', '-'],
    JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata, data: encodeKeys(keys) }),
  );
  for (const namespace of [NAMESPACE, 'other']) {
    await kubectl(['create', 'namespace', namespace]);
    await eventually(() => kubectl(['get', 'serviceaccount', 'default', '-n', namespace]), { within: 20_000 });
  }
  // The policy against stray addresses would refuse these pods. It has its own test.
  const policies = ['delete', 'validatingadmissionpolicybinding', '-l', 'app.kubernetes.io/name=rock-mac-stray'];
  await kubectl([...policies, '--ignore-not-found']);
});
afterAll(async () => {
  await client.close();
});

interface Filled {
  readonly holder: StockHolder;
  readonly addresses: readonly AddressRef[];
}

/** Has addresses set aside for a new process of a webhook. */
async function fill(count: number, pod = { podName: 'webhook', podUid: randomUUID() as string }): Promise<Filled> {
  const { ledger } = installed();
  const holder = { clusterId, id: randomUUID(), ...pod };
  await checkStock(ledger, holder, undefined);
  const request = { pool: 'kubernetes', count, fillId: randomUUID(), ticket: undefined, actor: 'rock-mac-webhook' };
  const addresses = await fillStock(ledger, holder, request);
  expect(addresses).toHaveLength(count);
  return { holder, addresses };
}

async function fillOne(): Promise<AddressRef> {
  const [address] = (await fill(1)).addresses;
  if (address === undefined) throw new Error('the ledger set nothing aside');
  return address;
}

interface Token {
  readonly name?: string;
  readonly generateName?: string;
  readonly namespace?: string;
  readonly nic?: string;
  readonly address: MacAddress;
  readonly key?: Buffer;
}

function tokenOf({
  name = '',
  generateName = '',
  namespace = NAMESPACE,
  nic = NIC,
  address,
  key = KEY,
}: Token): string {
  const claims = { requester: 'bob', at: new Date().toISOString(), addresses: { [nic]: address } };
  return signStockToken({ clusterId, namespace, name, generateName }, claims, key);
}

interface PodOptions {
  readonly address: MacAddress;
  readonly token?: string | undefined;
  readonly generateName?: string;
}

/** Creates a pod as a webhook leaves it. Returns its uid. */
async function createPod(name: string, options: PodOptions): Promise<string> {
  return await kubectl(
    ['create', '-f', '-', '-o', 'jsonpath={.metadata.uid}'],
    JSON.stringify(aPodWith(name, options)),
  );
}

function aPodWith(name: string, { address, token, generateName }: PodOptions) {
  const metadata = {
    ...(generateName === undefined ? { name } : { generateName }),
    namespace: NAMESPACE,
    annotations: {
      'k8s.v1.cni.cncf.io/networks': JSON.stringify([{ name: 'net', mac: address }]),
      ...(token !== undefined && { [ANNOTATIONS.stockToken]: token }),
    },
  };
  const spec = { containers: [{ name: 'main', image: 'example.invalid/none' }] };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec };
}

const until = (check: () => Promise<void>) => eventually(check, { within: 30_000, every: 100 });

function untilRow(address: MacAddress, wanted: Partial<AddressRow> | object): Promise<void> {
  return until(async () => {
    expect(await findByMac(installed().ledger, address)).toMatchObject(wanted);
  });
}

async function observersOf(address: MacAddress): Promise<readonly string[]> {
  return (await observationsOfMac(installed().ledger, address)).map(({ object }) => object.name);
}

async function requestersOfMirrors(address: MacAddress): Promise<string> {
  const path = `{.items[?(@.spec.mac=="${address}")].spec.requester.username}`;
  return await kubectl(['get', 'macallocations', '-n', NAMESPACE, '-o', `jsonpath=${path}`]);
}

const untilMirroredFor = (address: MacAddress, requester: string) =>
  until(async () => {
    expect(await requestersOfMirrors(address)).toBe(requester);
  });

/** What the webhook reports to the ledger two seconds after its answer. */
async function report(address: AddressRef, name: string): Promise<void> {
  expect(await assign(address, name)).toEqual([{ outcome: 'assigned' }]);
}

function assign(address: AddressRef, name: string): Promise<readonly AssignOutcome[]> {
  const owner = { clusterId, kind: 'Pod', namespace: NAMESPACE, name, nic: NIC };
  const boundKey = admissionKey({ ...owner, pool: 'kubernetes' });
  const answer = { ...address, boundKey, owner, requester: 'carol', reason: 'allocate' };
  return assignStock(installed().ledger, [answer], { leaseSeconds: 120, actor: 'rock-mac-webhook' });
}

describe('a pod with an address of a stock', () => {
  test('gets it by its token, and the ledger and the mirror name who created the pod', async () => {
    const { mac: address } = await fillOne();
    const uid = await createPod('named', { address, token: tokenOf({ name: 'named', address }) });
    await untilRow(address, {
      state: 'active',
      requester: 'bob',
      owner: { kind: 'Pod', name: 'named', uid, nic: NIC },
    });
    expect((await auditOf(installed().ledger, address)).map(({ action }) => action)).toEqual(['stock', 'allocate']);
    await untilMirroredFor(address, 'bob');
    await kubectl(['delete', 'pod', 'named', '-n', NAMESPACE, '--force', '--grace-period=0']);
    await untilRow(address, { state: 'released' });
    expect(await requestersOfMirrors(address)).toBe('');
  });

  test('gets it by a token for its generateName once. A copy of the token is observed', async () => {
    const { mac: address } = await fillOne();
    const pod = { address, generateName: 'web-', token: tokenOf({ generateName: 'web-', address }) };
    const uid = await createPod('', pod);
    await untilRow(address, { state: 'active', requester: 'bob', owner: { uid } });
    const copy = await createPod('', pod);
    await until(async () => {
      expect(await observersOf(address)).toHaveLength(1);
    });
    expect((await observationsOfMac(installed().ledger, address))[0]?.object.uid).toBe(copy);
    expect(await findByMac(installed().ledger, address)).toMatchObject({ owner: { uid } });
  });

  test('gets it if two copies are stored at once, and only one of them does', async () => {
    const { mac: address } = await fillOne();
    const pod = { address, generateName: 'twin-', token: tokenOf({ generateName: 'twin-', address }) };
    const uids = await Promise.all([createPod('', pod), createPod('', pod)]);
    await until(async () => {
      expect(await observersOf(address)).toHaveLength(1);
    });
    const owner = (await findByMac(installed().ledger, address))?.owner;
    const observed = (await observationsOfMac(installed().ledger, address)).map(({ object }) => object.uid);
    expect([owner?.uid, ...observed].sort()).toEqual(uids.sort());
    await untilMirroredFor(address, 'bob');
  });

  test('does not get it by a token that is not its own, and the address is observed', async () => {
    const forgeries: Record<string, (address: MacAddress) => string | undefined> = {
      'no-token': () => undefined,
      'of-another-namespace': (address) => tokenOf({ name: 'of-another-namespace', namespace: 'other', address }),
      'of-another-name': (address) => tokenOf({ name: 'named', address }),
      'for-another-nic': (address) => tokenOf({ name: 'for-another-nic', nic: `${NAMESPACE}/x#1`, address }),
      'for-another-address': () => tokenOf({ name: 'for-another-address', address: mac('a4:58:0f:05:ff:01') }),
      'of-another-key': (address) => tokenOf({ name: 'of-another-key', key: Buffer.alloc(32, 8), address }),
    };
    const names = Object.keys(forgeries);
    const { addresses } = await fill(names.length);
    const pods = names.map((name, index) => ({ name, address: addresses[index]?.mac ?? mac('a4:58:0f:05:ff:00') }));
    for (const { name, address } of pods) await createPod(name, { address, token: forgeries[name]?.(address) });
    for (const { name, address } of pods) {
      await until(async () => {
        expect(await observersOf(address)).toEqual([name]);
      });
      expect(await findByMac(installed().ledger, address)).toMatchObject({ state: 'stocked', observed: true });
      expect(await requestersOfMirrors(address)).toBe('');
    }
  });

  test('gets it without a token if the webhook has reported its answer, also shortly afterwards', async () => {
    const before = await fillOne();
    await report(before, 'reported');
    await createPod('reported', { address: before.mac });
    await untilRow(before.mac, { state: 'active', requester: 'carol', owner: { name: 'reported' } });

    const after = await fillOne();
    await createPod('reported-later', { address: after.mac });
    await sleep(3_000);
    expect(await observersOf(after.mac)).toEqual([]);
    await report(after, 'reported-later');
    await untilRow(after.mac, { state: 'active', requester: 'carol', owner: { name: 'reported-later' } });
    await untilMirroredFor(after.mac, 'carol');
    expect(await observersOf(after.mac)).toEqual([]);
  });

  test('gets it if the webhook reports its answer at the same moment, and nothing fails', async () => {
    const logFile = installed().installation.operators[0]?.logFile ?? '';
    const before = (await readFile(logFile, 'utf8')).length;
    const { addresses } = await fill(24);
    await Promise.all(
      addresses.map(async (stocked, index) => {
        const name = `race-${String(index)}`;
        const { metadata, spec } = aPodWith(name, {
          address: stocked.mac,
          token: tokenOf({ name, address: stocked.mac }),
        });
        await client.create(pods, { metadata: { ...metadata, name }, spec });
        // The operator binds the pods meanwhile: some before the report, some after it, and some at once.
        await sleep(20 * index);
        await assign(stocked, name);
      }),
    );
    for (const { mac: address } of addresses) {
      await untilRow(address, { state: 'active', owner: { kind: 'Pod' } });
      await until(async () => {
        expect(['bob', 'carol']).toContain(await requestersOfMirrors(address));
      });
    }
    expect((await readFile(logFile, 'utf8')).slice(before)).not.toContain('reconcile failed');
  });

  test('gets it although its stock was returned in between', async () => {
    const stocked = await fillOne();
    const why = { unused: false, actor: 'test', reason: 'its webhook is gone' };
    await returnStock(installed().ledger, [stocked], why);
    const { mac: address } = stocked;
    await createPod('late', { address, token: tokenOf({ name: 'late', address }) });
    await untilRow(address, { state: 'active', requester: 'bob', owner: { name: 'late' } });
  });

  test('gets it although the ledger failed over, also if no operator saw the pod before', async () => {
    const { ledger, installation } = installed();
    const [first, second] = (await fill(2)).addresses;
    if (first === undefined || second === undefined) throw new Error('the ledger set nothing aside');
    await installation.operators[0]?.stop();
    await createPod('unseen', { address: first.mac, token: tokenOf({ name: 'unseen', address: first.mac }) });
    await recover(ledger, { expected: (await ledgerState(ledger)).epoch, lossy: true, actor: 'test' });
    for (const { mac: address } of [first, second]) {
      expect(await findByMac(ledger, address)).toMatchObject({ state: 'orphaned', origin: 'replication-gap' });
    }
    await installation.startOperator();
    await untilRow(first.mac, { state: 'active', requester: 'bob', owner: { name: 'unseen' } });
    await untilMirroredFor(first.mac, 'bob');
    await createPod('after', { address: second.mac, token: tokenOf({ name: 'after', address: second.mac }) });
    await untilRow(second.mac, { state: 'active', requester: 'bob', owner: { name: 'after' } });
    await untilMirroredFor(second.mac, 'bob');
  });
});

describe('the stock of a webhook', () => {
  let now = 0;
  const kinds = workloadKinds();
  const minutes = (count: number) => count * 60_000;

  /** Creates the memory of one leader run, and runs that part of its resyncs which concerns stock. */
  function aLeader(options: { readonly reads?: KubeClient } = {}) {
    const goneHolders = createGoneHolders(() => now);
    const logger = pino({ enabled: false });
    const deps = { clusterId, systemNamespace: SYSTEM_NAMESPACE, actor: 'rock-mac-operator', logger, goneHolders };
    return async (): Promise<void> => {
      const all = { ...deps, ledger: installed().ledger, client: options.reads ?? client };
      const listedAt = goneHolders.now();
      const objects = await listLiveWorkloads({ kinds, client });
      await reclaimStock(await findGoneHolders(all), { objects, listedAt }, all);
    };
  }

  /** Creates the pod of a webhook. */
  async function createWebhook(name: string): Promise<{ readonly podName: string; readonly podUid: string }> {
    const metadata = { name, namespace: SYSTEM_NAMESPACE };
    // What the namespace of rock-mac requires.
    const securityContext = { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } };
    const limits = { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } };
    const containers = [{ name: 'main', image: 'example.invalid/none', securityContext: limits }];
    const spec = { securityContext, containers };
    const pod = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
    return { podName: name, podUid: await kubectl(['create', '-f', '-', '-o', 'jsonpath={.metadata.uid}'], pod) };
  }

  const deleteWebhook = (name: string) =>
    kubectl(['delete', 'pod', name, '-n', SYSTEM_NAMESPACE, '--force', '--grace-period=0']);

  const countOf = async ({ holder }: Filled) => (await stockOf(installed().ledger, holder)).length;

  test('stays while its pod exists, and is returned five minutes after the pod is gone', async () => {
    const stock = await fill(3, await createWebhook('webhook-a'));
    const resync = aLeader();
    await resync();
    now += minutes(30);
    await resync();
    expect(await countOf(stock)).toBe(3);

    await deleteWebhook('webhook-a');
    await resync();
    now += minutes(5) - 1;
    await resync();
    expect(await countOf(stock)).toBe(3);
    now += 1;
    await resync();
    expect(await countOf(stock)).toBe(0);
    const row = await findByMac(installed().ledger, stock.addresses[0]?.mac ?? mac('a4:58:0f:05:ff:00'));
    expect(row).toMatchObject({ state: 'released', reason: 'its webhook is gone' });
    // The whole reuse delay of the pool, which is an hour.
    expect(row?.reusableAt?.getTime()).toBeGreaterThan(Date.now() + minutes(59));
  });

  test('is returned if another pod has the name, and every leader waits five minutes of its own', async () => {
    const stock = await fill(1, { ...(await createWebhook('webhook-b')), podUid: 'an earlier one' });
    await aLeader()();
    now += minutes(6);
    await aLeader()();
    expect(await countOf(stock)).toBe(1);
    const resync = aLeader();
    await resync();
    now += minutes(6);
    await resync();
    expect(await countOf(stock)).toBe(0);
  });

  test('is returned if a later process of its pod has reported, and that one keeps its own', async () => {
    const pod = await createWebhook('webhook-c');
    const earlier = await fill(1, pod);
    const later = await fill(1, pod);
    const resync = aLeader();
    await resync();
    now += minutes(5);
    await resync();
    expect([await countOf(earlier), await countOf(later)]).toEqual([0, 1]);
  });

  test('is returned without what a pod uses, and that later too', async () => {
    const stock = await fill(2);
    const address = stock.addresses[0]?.mac ?? mac('a4:58:0f:05:ff:00');
    await createPod('squatter', { address });
    await until(async () => {
      expect(await observersOf(address)).toEqual(['squatter']);
    });
    const resync = aLeader();
    await resync();
    now += minutes(5);
    await resync();
    expect((await stockOf(installed().ledger, stock.holder)).map((each) => each.mac)).toEqual([address]);
    await kubectl(['delete', 'pod', 'squatter', '-n', NAMESPACE, '--force', '--grace-period=0']);
    await resync();
    expect(await countOf(stock)).toBe(0);
  });

  test('stays while the API server does not say whether the pod exists', async () => {
    const reads = createKubeClient({
      userAgent: 'test',
      kubeconfig: installed().plane.kubeconfig,
      impersonate: { user: 'nobody', groups: [], extra: {} },
    });
    try {
      const stock = await fill(1);
      const resync = aLeader({ reads });
      await expect(resync()).rejects.toThrow(/forbidden/);
      now += minutes(10);
      await expect(resync()).rejects.toThrow(/forbidden/);
      expect(await countOf(stock)).toBe(1);
    } finally {
      await reads.close();
    }
  });
});
