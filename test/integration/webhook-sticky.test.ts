import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readAddresses } from '../../api/addresses-annotation.ts';
import { NETWORKS_ANNOTATION } from '../../api/multus-networks.ts';
import { ANNOTATIONS, LABELS, SCHEDULING_GATE } from '../../api/names.ts';
import { stickyClaimName } from '../../api/sticky-claim-name.ts';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { readClusterId } from '../../kube/client/cluster-id.ts';
import { objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { NewObject } from '../../kube/client/write.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { allocate } from '../../ledger/address/allocate.ts';
import { bind } from '../../ledger/address/bind.ts';
import { findByMac, listAddresses } from '../../ledger/address/find.ts';
import { isStickyKey, stickyKey } from '../../ledger/address/holder-key.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import { clearUnreachable, markUnreachable } from '../../ledger/sticky/unreachable.ts';
import { markUnused } from '../../ledger/sticky/unused.ts';
import { mac, type MacAddress } from '../../mac/mac-address.ts';
import { MAX_UNUSED } from '../../webhook/sticky/decide-sticky.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, aPod, auditOf, installedEnvOfThisFile, untilReason } from './installed-env.ts';

/*
 * Tests that a name keeps its addresses, with the controllers of Kubernetes, the operator, a webhook with a stock, and a real ledger.
 */

const installed = installedEnvOfThisFile({ stock: true });
const within = { within: 40_000, every: 100 };
const STICKY = { [ANNOTATIONS.sticky]: 'true' };
const NAMES = 'names';

const podSchema = z.object({
  metadata: objectMeta,
  spec: z.looseObject({ schedulingGates: z.array(z.object({ name: z.string() })).default([]) }),
});
type StoredPod = z.infer<typeof podSchema>;
const pods: Resource<StoredPod> = {
  group: '',
  version: 'v1',
  plural: 'pods',
  kind: 'Pod',
  namespaced: true,
  schema: podSchema,
};

let client: KubeClient;
let clusterId: string;

beforeAll(async () => {
  const { plane, installation } = installed();
  client = createKubeClient({ userAgent: 'test', kubeconfig: plane.kubeconfig, logger: pino({ enabled: false }) });
  clusterId = await readClusterId(client);
  await makeNamespace(NAMES);
  // From here on, a pod that is not sticky is answered from stock.
  await create('first', { annotations: {} });
  await eventually(async () => {
    expect(await installation.webhooks[0]?.metric('rockmac_stock_addresses')).toBeGreaterThan(16);
  }, within);
});

afterAll(() => client.close());

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input });
}

async function makeNamespace(name: string, annotations: Record<string, string> = {}): Promise<void> {
  const metadata = { name, labels: { [LABELS.inject]: 'enabled' }, annotations };
  await kubectl(['create', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata }));
  await eventually(() => kubectl(['get', 'serviceaccount', 'default', '-n', name]), within);
}

interface PodOptions {
  readonly namespace?: string;
  readonly networks?: string;
  readonly annotations?: Record<string, string>;
  readonly metadata?: Record<string, unknown>;
}

function aStickyPod(name: string, { networks = 'blue', annotations = STICKY, metadata }: PodOptions = {}): NewObject {
  const pod = JSON.parse(aPod(name, { networks, annotations })) as NewObject;
  return { ...pod, metadata: { ...pod.metadata, ...metadata } };
}

/** Creates a pod with sticky addresses, unless its annotations say otherwise. */
async function create(name: string, options: PodOptions = {}): Promise<StoredPod> {
  return await client.create(pods, aStickyPod(name, options), {
    namespace: options.namespace ?? NAMES,
    attempts: 1,
  });
}

/** Creates a pod with kubectl, which prints warnings. Returns those of rock-mac. */
async function warningsOf(name: string, options: PodOptions = {}, flags: readonly string[] = []): Promise<string[]> {
  const manifest = JSON.stringify(aStickyPod(name, options));
  const args = ['create', '-n', options.namespace ?? NAMES, '--warnings-as-errors', ...flags, '-f', '-'];
  const shown = await kubectl(args, manifest).then(
    () => '',
    (error: unknown) => String(error),
  );
  return (shown.match(/rock-mac: [^\n]*/g) ?? []).filter((warning) => !warning.includes('does not exist yet'));
}

async function read(name: string, namespace = NAMES): Promise<StoredPod> {
  return await client.get(pods, { namespace, name });
}

/** Returns the addresses that a pod reports, in the order of its networks. */
function macsOf({ metadata }: StoredPod): readonly MacAddress[] {
  return readAddresses(metadata.annotations?.[ANNOTATIONS.addresses]).map((address) => mac(address.mac));
}

async function remove(name: string, namespace = NAMES): Promise<void> {
  await kubectl(['delete', 'pod', name, '-n', namespace, '--grace-period=0', '--force']);
}

async function rowOf(address: MacAddress | undefined): Promise<AddressRow | undefined> {
  return address === undefined ? undefined : await findByMac(installed().ledger, address);
}

/** Waits until the ledger keeps the addresses of a pod for its name. Returns them. */
async function untilKept({ metadata: { name, namespace } }: StoredPod): Promise<readonly MacAddress[]> {
  return await eventually(async () => {
    // It is gated while the ledger is away, and a moment longer.
    const macs = macsOf(await read(name, namespace));
    expect(macs.length).toBeGreaterThan(0);
    for (const row of await Promise.all(macs.map(rowOf))) {
      expect(row).toMatchObject({ state: 'active', owner: { kind: 'Pod', name } });
      expect(row?.owner?.uid).toBeUndefined();
      expect(isStickyKey(row?.key ?? '')).toBe(true);
    }
    return macs;
  }, within);
}

/** Waits until the sticky claim of an interface shows its address. */
async function untilShown(name: string, nic: string, namespace = NAMES): Promise<string> {
  const claim = stickyClaimName({ kind: 'Pod', name, nic });
  return await eventually(
    () => kubectl(['get', 'macallocation', claim, '-n', namespace, '-o', 'jsonpath={.spec.mac}']),
    within,
  );
}

async function whileLedgerIsAway(work: () => Promise<void>): Promise<void> {
  const { ledgerProxy } = installed();
  await ledgerProxy.cut();
  try {
    await work();
  } finally {
    await ledgerProxy.heal();
  }
}

function ownerOf(namespace: string, name: string, nic = `${namespace}/blue#0`): Owner {
  return { clusterId, kind: 'Pod', namespace, name, nic };
}

/** Makes the ledger keep addresses for names that have no object. */
async function keepForNames(owners: readonly Owner[]): Promise<readonly AddressRow[]> {
  const { ledger } = installed();
  const requests = owners.map((owner) => ({
    key: stickyKey(owner),
    pool: 'kubernetes',
    state: 'pending' as const,
    owner,
    requester: 'ann',
    actor: 'test',
  }));
  const given = await allocate(ledger, 'kubernetes', requests, { leaseSeconds: 60 });
  const macs = given.map((outcome) => {
    if (outcome.outcome !== 'allocated') throw new Error(outcome.outcome);
    return outcome.mac;
  });
  const items = owners.map((owner, index) => {
    const key = stickyKey(owner);
    return { mac: macs[index] ?? mac(''), key, boundKey: key, owner };
  });
  for (const outcome of await bind(ledger, items, 'test')) expect(outcome.outcome).toBe('bound');
  const rows = await Promise.all(macs.map(rowOf));
  return rows.filter((row) => row !== undefined);
}

describe('a StatefulSet', () => {
  function aSet(
    name: string,
    options: { replicas?: number; networks?: string; annotations?: object; parallel?: boolean },
  ) {
    const { replicas = 1, networks = 'blue,red', annotations = STICKY, parallel = false } = options;
    const { metadata, spec } = JSON.parse(aPod(name, { networks })) as {
      metadata: { annotations: object };
      spec: object;
    };
    const labels = { app: name };
    const template = { metadata: { labels, annotations: { ...metadata.annotations, ...annotations } }, spec };
    return JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name },
      spec: {
        replicas,
        serviceName: name,
        selector: { matchLabels: labels },
        template,
        ...(parallel && { podManagementPolicy: 'Parallel' }),
      },
    });
  }

  async function startSet(name: string, options: Parameters<typeof aSet>[1] & { namespace?: string } = {}) {
    const { namespace = NAMES } = options;
    await kubectl(['create', '-n', namespace, '-f', '-'], aSet(name, options));
    const names = Array.from({ length: options.replicas ?? 1 }, (_, index) => `${name}-${String(index)}`);
    return await Promise.all(names.map((each) => eventually(() => read(each, namespace), within)));
  }

  /** Waits until the controller has made a pod again. */
  async function untilMadeAgain({ metadata: { name, uid, namespace } }: StoredPod): Promise<StoredPod> {
    return await eventually(async () => {
      const pod = await read(name, namespace);
      expect(pod.metadata.uid).not.toBe(uid);
      return pod;
    }, within);
  }

  test('whose pod is deleted has its addresses again, one on each network', async () => {
    const [pod] = await startSet('web');
    if (pod === undefined) throw new Error('no pod');
    const macs = await untilKept(pod);
    expect(new Set(macs).size).toBe(2);
    await remove('web-0');
    const next = await untilMadeAgain(pod);
    expect(macsOf(next)).toEqual(macs);
    expect(await untilKept(next)).toEqual(macs);
  });

  test('whose pods are all made at once gives each name its own addresses, again and again', async () => {
    const first = await startSet('many', { replicas: 5, parallel: true });
    const before = await Promise.all(first.map(untilKept));
    expect(new Set(before.flat()).size).toBe(10);
    await kubectl(['delete', 'pods', '-n', NAMES, '-l', 'app=many', '--grace-period=0', '--force']);
    const next = await Promise.all(first.map(untilMadeAgain));
    expect(next.map(macsOf)).toEqual(before);
  });

  test('may be made sticky by its namespace, which does not speak for bare pods', async () => {
    await makeNamespace('all-sets', STICKY);
    const [pod] = await startSet('db', { namespace: 'all-sets', annotations: {} });
    if (pod === undefined) throw new Error('no pod');
    const macs = await untilKept(pod);
    await remove('db-0', 'all-sets');
    expect(macsOf(await untilMadeAgain(pod))).toEqual(macs);
    const bare = await create('bare', { namespace: 'all-sets', annotations: {} });
    await eventually(async () => {
      expect(await rowOf(macsOf(bare)[0])).toMatchObject({ state: 'active', owner: { uid: bare.metadata.uid } });
    }, within);
  });

  test('may say no for itself in such a namespace', async () => {
    const no = { [ANNOTATIONS.sticky]: 'No' };
    const [pod] = await startSet('free', { namespace: 'all-sets', annotations: no });
    const [address] = pod === undefined ? [] : macsOf(pod);
    await eventually(async () => {
      expect(await rowOf(address)).toMatchObject({ state: 'active', owner: { uid: pod?.metadata.uid } });
    }, within);
  });

  test('of the same name in another namespace has addresses of its own', async () => {
    await makeNamespace('twin');
    const [[pod], before] = await Promise.all([startSet('web', { namespace: 'twin' }), read('web-0')]);
    if (pod === undefined) throw new Error('no pod');
    const macs = await untilKept(pod);
    expect(macs.filter((each) => macsOf(before).includes(each))).toEqual([]);
  });
});

describe('a pod with a name', () => {
  test('gets its addresses again while the last pod of its name still ends, and nothing changes if it is refused', async () => {
    const held = { metadata: { finalizers: ['example.com/hold'] } };
    const pod = await create('ending', held);
    const macs = await untilKept(pod);
    await kubectl(['delete', 'pod', 'ending', '-n', NAMES, '--wait=false', '--grace-period=0', '--force']);
    await expect(create('ending')).rejects.toThrow(/already exists|being deleted/);
    expect(await rowOf(macs[0])).toMatchObject({ state: 'active', key: stickyKey(ownerOf(NAMES, 'ending')) });
    await kubectl([
      'patch',
      'pod',
      'ending',
      '-n',
      NAMES,
      '--type=json',
      '-p',
      '[{"op":"remove","path":"/metadata/finalizers"}]',
    ]);
    const next = await eventually(() => create('ending'), within);
    expect(macsOf(next)).toEqual(macs);
  });

  test('never gets an address from stock', async () => {
    const answers = async () => await installed().installation.webhooks[0]?.metric('rockmac_stock_answers_total');
    const before = await answers();
    const pod = await create('asked');
    expect(await answers()).toBe(before);
    expect(await rowOf(macsOf(pod)[0])).toMatchObject({ key: stickyKey(ownerOf(NAMES, 'asked')) });
  });

  test('may use a network twice, and each attachment has its own address again', async () => {
    const macs = await untilKept(await create('double', { networks: 'blue,blue' }));
    expect(new Set(macs).size).toBe(2);
    await remove('double');
    expect(macsOf(await create('double', { networks: 'blue,blue' }))).toEqual(macs);
  });

  test('keeps an address that its author wrote apart: it ends with the pod', async () => {
    const networks = '[{"name":"blue","mac":"a4:58:0f:05:fe:01"},{"name":"red"}]';
    const pod = await create('written', { networks });
    const [written, kept] = macsOf(pod);
    expect(written).toBe('a4:58:0f:05:fe:01');
    await eventually(async () => {
      expect(await rowOf(written)).toMatchObject({ state: 'active', owner: { uid: pod.metadata.uid } });
      expect(await rowOf(kept)).toMatchObject({
        state: 'active',
        key: stickyKey(ownerOf(NAMES, 'written', `${NAMES}/red#0`)),
      });
    }, within);
  });

  test('may use a claim for one interface', async () => {
    await kubectl(['create', '-n', 'default', '-f', '-'], aClaim('mine', { pool: 'production' }));
    const { mac: claimed } = await untilReason(installed().plane, 'mine', 'Allocated');
    const annotations = { ...STICKY, [ANNOTATIONS.allocation]: '{"default/blue#0":"mine"}' };
    const pod = await create('claimed', { namespace: 'default', networks: 'blue,red', annotations });
    const [first, second] = macsOf(pod);
    expect(first).toBe(claimed);
    expect(await rowOf(second)).toMatchObject({ key: stickyKey(ownerOf('default', 'claimed', 'default/red#0')) });
  });

  test('cannot use the sticky claim of another name as a claim', async () => {
    const pod = await create('owner');
    await untilKept(pod);
    const nic = `${NAMES}/blue#0`;
    await untilShown('owner', nic);
    const claim = stickyClaimName({ kind: 'Pod', name: 'owner', nic });
    await expect(create('thief', { annotations: { [ANNOTATIONS.allocation]: claim } })).rejects.toThrow(
      /only shows the address of another object/,
    );
  });

  test('loses its address when a person deletes its sticky claim, and the audit names the person', async () => {
    const [address] = await untilKept(await create('ended'));
    const nic = `${NAMES}/blue#0`;
    await untilShown('ended', nic);
    await remove('ended');
    await kubectl(['delete', 'macallocation', stickyClaimName({ kind: 'Pod', name: 'ended', nic }), '-n', NAMES]);
    expect(await rowOf(address)).toMatchObject({ state: 'released' });
    const [released] = (await auditOf(installed().ledger, address ?? '')).slice(-1);
    expect(released?.reason).toMatch(/, requested by env-admin$/);
  });

  test('is not the copy of another: `kubectl get -o yaml | kubectl create` under a new name gets its own address', async () => {
    const pod = await create('original');
    const macs = await untilKept(pod);
    const { annotations = {} } = pod.metadata;
    const networks = annotations[NETWORKS_ANNOTATION] ?? '';
    const copy = await create('copy', { networks, annotations });
    expect(macsOf(copy)).toHaveLength(1);
    expect(macsOf(copy)).not.toEqual(macs);
    await remove('original');
    // Under its own name it is the next object of this name, with and without what the webhook reported.
    expect(macsOf(await create('original', { networks, annotations }))).toEqual(macs);
    await remove('original');
    expect(macsOf(await create('original', { networks }))).toEqual(macs);
  });

  test('keeps its address when its namespace changes the pool, with a warning', async () => {
    await makeNamespace('moving');
    const macs = await untilKept(await create('web-0', { namespace: 'moving' }));
    await remove('web-0', 'moving');
    await kubectl(['annotate', 'namespace', 'moving', `${ANNOTATIONS.pool}=experiment`]);
    await eventually(async () => {
      const [other] = macsOf(await create(`probe-${String(Date.now())}`, { namespace: 'moving' }));
      expect(other).toMatch(/^a4:58:0f:02:/);
    }, within);
    expect(await warningsOf('web-0', { namespace: 'moving' })).toEqual([
      expect.stringMatching(/keeps the sticky address of its name, of pool kubernetes, although .* pool experiment/),
    ]);
    expect(macsOf(await read('web-0', 'moving'))).toEqual(macs);
  });

  test('in a dry run holds nothing', async () => {
    expect(await warningsOf('dry', {}, ['--dry-run=server'])).toEqual([expect.stringContaining('dry run')]);
    const rows = await listAddresses(installed().ledger, { states: ['pending', 'active'] });
    expect(rows.filter(({ owner }) => owner?.name === 'dry')).toEqual([]);
  });

  test('whose other interface is refused gives a new address back, and keeps one that it had', async () => {
    const taken = '[{"name":"blue"},{"name":"red","mac":"a4:58:0f:05:fe:02"}]';
    await create('holder', { networks: '[{"name":"red","mac":"a4:58:0f:05:fe:02"}]', annotations: {} });
    await expect(create('unlucky', { networks: taken })).rejects.toThrow(/a4:58:0f:05:fe:02 .*held/);
    const rows = await listAddresses(installed().ledger, { states: ['released'] });
    expect(rows.filter(({ key }) => key === stickyKey(ownerOf(NAMES, 'unlucky')))).toHaveLength(1);
    const macs = await untilKept(await create('lucky'));
    await remove('lucky');
    await expect(create('lucky', { networks: taken })).rejects.toThrow(/a4:58:0f:05:fe:02 .*held/);
    expect(await rowOf(macs[0])).toMatchObject({ state: 'active' });
  });

  test('is refused while its last pod may still run, and the refusal says what to do, but not where it runs', async () => {
    const { ledger } = installed();
    const [address] = await untilKept(await create('cut-off'));
    await remove('cut-off');
    const row = await rowOf(address);
    if (row === undefined) throw new Error('the ledger forgot the address');
    const node = { clusterId, node: 'node-7' };
    await markUnreachable(ledger, node, [row], 'test');
    const claim = stickyClaimName(ownerOf(NAMES, 'cut-off'));
    const refused = create('cut-off');
    await expect(refused).rejects.toThrow(new RegExp(`may still .*MacAllocation ${claim}`, 's'));
    await expect(refused).rejects.not.toThrow(/node-7/);
    await clearUnreachable(ledger, node, [row], { actor: 'test', reason: 'the node is back' });
    expect(macsOf(await create('cut-off'))).toEqual([address]);
  });
});

describe('a pod that cannot keep an address', () => {
  test('because its name is generated, gets one of the usual kind, with one warning', async () => {
    const metadata = { name: undefined, generateName: 'made-' };
    expect(await warningsOf('', { networks: 'blue,red', metadata })).toEqual([
      expect.stringMatching(/sticky has no effect here: .*generated/),
    ]);
  });

  test('because the annotation is misspelled, is refused with what to write', async () => {
    const annotations = { [ANNOTATIONS.sticky]: 'ture' };
    await expect(create('typo', { annotations })).rejects.toThrow(/must be "true" or "false"/);
    const retention = { ...STICKY, [ANNOTATIONS.stickyRetention]: 'whenScaled=Never' };
    await expect(create('typo', { annotations: retention })).rejects.toThrow(/whenScaled=Retain/);
  });

  test('because its name was used in an earlier namespace, gets another one, with a warning', async () => {
    await keepForNames([ownerOf('reborn', 'web-0')]);
    // The API server stores the age of a namespace in whole seconds.
    await sleep(1_100);
    await makeNamespace('reborn');
    expect(await warningsOf('web-0', { namespace: 'reborn' })).toEqual([
      expect.stringMatching(/not sticky: .*earlier namespace/),
    ]);
  });

  test('because too many names of its namespace are unused, gets another one, with a warning', async () => {
    await makeNamespace('builds');
    const names = Array.from({ length: MAX_UNUSED.bare }, (_, index) => ownerOf('builds', `build-${String(index)}`));
    await markUnused(installed().ledger, await keepForNames(names));
    expect(await warningsOf('build-next', { namespace: 'builds' })).toEqual([
      expect.stringMatching(/not sticky: .*256 sticky addresses/),
    ]);
    const [usual] = macsOf(await read('build-next', 'builds'));
    expect(isStickyKey((await rowOf(usual))?.key ?? '')).toBe(false);
    // A name that is known comes back all the same.
    const known = await create('build-0', { namespace: 'builds' });
    expect((await rowOf(macsOf(known)[0]))?.key).toBe(stickyKey(ownerOf('builds', 'build-0')));
  });

  test('because its namespace may hold no more, is refused: the address of an unused name counts', async () => {
    await makeNamespace('small', { [ANNOTATIONS.maxAddresses]: '1' });
    const macs = await untilKept(await create('web-0', { namespace: 'small' }));
    await remove('web-0', 'small');
    await expect(create('web-1', { namespace: 'small' })).rejects.toThrow(/as many addresses as its annotation/);
    expect(macsOf(await create('web-0', { namespace: 'small' }))).toEqual(macs);
  });
});

describe('while the ledger is away', () => {
  function isGated({ spec }: StoredPod): boolean {
    return spec.schedulingGates.some(({ name }) => name === SCHEDULING_GATE);
  }

  test('a name with a sticky claim has its addresses at once, and any other name waits', async () => {
    const networks = 'blue,red';
    const macs = await untilKept(await create('steady', { networks }));
    for (const network of ['blue', 'red']) await untilShown('steady', `${NAMES}/${network}#0`);
    await remove('steady');
    await whileLedgerIsAway(async () => {
      const next = await create('steady', { networks });
      expect(macsOf(next)).toEqual(macs);
      expect(isGated(next)).toBe(false);
      expect(isGated(await create('new-name'))).toBe(true);
      // One of its interfaces is new.
      await remove('steady');
      expect(isGated(await create('steady', { networks: 'blue,red,green' }))).toBe(true);
    });
    const filled = await eventually(async () => {
      const pod = await read('steady');
      expect(isGated(pod)).toBe(false);
      return pod;
    }, within);
    expect(macsOf(filled).slice(0, 2)).toEqual(macs);
    const late = await eventually(async () => {
      const pod = await read('new-name');
      expect(isGated(pod)).toBe(false);
      return pod;
    }, within);
    await untilKept(late);
  });

  test('a claim that a person made under the name of a sticky claim does not answer', async () => {
    const nic = `${NAMES}/blue#0`;
    const name = stickyClaimName({ kind: 'Pod', name: 'lured', nic });
    await kubectl(['create', '-n', NAMES, '-f', '-'], aClaim(name, { pool: 'kubernetes' }));
    await whileLedgerIsAway(async () => {
      expect(isGated(await create('lured'))).toBe(true);
    });
  });

  test('a claim that is being deleted does not answer', async () => {
    await untilKept(await create('leaving'));
    const nic = `${NAMES}/blue#0`;
    await untilShown('leaving', nic);
    await remove('leaving');
    await whileLedgerIsAway(async () => {
      const claim = stickyClaimName({ kind: 'Pod', name: 'leaving', nic });
      await kubectl(['delete', 'macallocation', claim, '-n', NAMES, '--wait=false']);
      expect(isGated(await create('leaving'))).toBe(true);
    });
  });
});

describe('a virtual machine', () => {
  const nicSchema = z.looseObject({ name: z.string(), macAddress: z.string().optional() });
  const instanceSpec = z.looseObject({
    domain: z.looseObject({ devices: z.looseObject({ interfaces: z.array(nicSchema) }) }),
  });
  const machineSchema = z.looseObject({
    metadata: objectMeta,
    spec: z.looseObject({ template: z.looseObject({ spec: instanceSpec }) }),
  });
  type Machine = z.infer<typeof machineSchema>;
  type Nic = z.infer<typeof nicSchema>;
  const machines: Resource<Machine> = {
    group: 'kubevirt.io',
    version: 'v1',
    plural: 'virtualmachines',
    kind: 'VirtualMachine',
    namespaced: true,
    schema: machineSchema,
  };

  beforeAll(async () => {
    await installForeignCrds(installed().plane.kubectl, ['virtual-machines', 'virtual-machine-instances']);
    await eventually(
      () => client.create(machines, aMachine('early', ['blue']), { namespace: NAMES, dryRun: true }),
      within,
    );
  });

  function specOf(nics: readonly (string | Nic)[]) {
    const interfaces = nics.map((nic) => ({ bridge: {}, ...(typeof nic === 'string' ? { name: nic } : nic) }));
    return {
      domain: { devices: { interfaces } },
      networks: interfaces.map(({ name }) => ({ name, multus: { networkName: name } })),
    };
  }

  function aMachine(name: string, nics: readonly (string | Nic)[], metadata: object = {}) {
    const spec = { runStrategy: 'Halted', template: { spec: specOf(nics) } };
    return { metadata: { name, annotations: STICKY, ...metadata }, spec };
  }

  async function createMachine(...args: Parameters<typeof aMachine>): Promise<Record<string, string | undefined>> {
    return macsOfMachine(await client.create(machines, aMachine(...args), { namespace: NAMES, attempts: 1 }));
  }

  function macsOfMachine({ spec }: Machine): Record<string, string | undefined> {
    const { interfaces } = spec.template.spec.domain.devices;
    return Object.fromEntries(interfaces.map(({ name, macAddress }) => [name, macAddress]));
  }

  async function untilMachineKept(name: string, macs: Record<string, string | undefined>): Promise<void> {
    await eventually(async () => {
      for (const [nic, address = ''] of Object.entries(macs)) {
        const owner = { clusterId, kind: 'VirtualMachine', namespace: NAMES, name, nic };
        expect(await rowOf(mac(address))).toMatchObject({ state: 'active', key: stickyKey(owner), owner });
      }
    }, within);
  }

  async function removeMachine(name: string): Promise<void> {
    await kubectl(['delete', 'vm', name, '-n', NAMES]);
  }

  test('of a pool has its addresses again when the pool makes it again', async () => {
    const owner = {
      apiVersion: 'pool.kubevirt.io/v1beta1',
      kind: 'VirtualMachinePool',
      name: 'desktop',
      uid: 'u',
      controller: true,
    };
    const ofPool = { ownerReferences: [owner] };
    const macs = await createMachine('desktop-0', ['blue', 'red'], ofPool);
    await untilMachineKept('desktop-0', macs);
    await removeMachine('desktop-0');
    expect(await createMachine('desktop-0', ['blue', 'red'], ofPool)).toEqual(macs);
  });

  test('has the address of a plugged interface again', async () => {
    const { blue } = await createMachine('plugged', ['blue']);
    const body = { spec: { template: { spec: specOf([{ name: 'blue', macAddress: blue }, 'red']) } } };
    const patched = await client.patch(machines, { namespace: NAMES, name: 'plugged' }, { type: 'merge', body });
    const macs = macsOfMachine(patched);
    expect(macs).toEqual({ blue, red: expect.stringMatching(/^a4:58:0f:05:/) as string });
    await untilMachineKept('plugged', macs);
    await removeMachine('plugged');
    expect(await createMachine('plugged', ['blue', 'red'])).toEqual(macs);
  });

  test('may be made again from a manifest with its addresses, as a backup or GitOps does', async () => {
    const { blue } = await createMachine('restored', ['blue']);
    await untilMachineKept('restored', { blue });
    await removeMachine('restored');
    const written = [{ name: 'blue', macAddress: blue }];
    await expect(createMachine('other', written)).rejects.toThrow(/is held by another owner/);
    expect(await createMachine('restored', written)).toEqual({ blue });
    await untilMachineKept('restored', { blue });
  });

  test('does not share the address of a pod with its name', async () => {
    const [ofPod] = macsOf(await create('same-name'));
    const { blue } = await createMachine('same-name', ['blue']);
    expect(blue).not.toBe(ofPod);
  });

  test('is refused while the ledger is away, although its sticky claims show its addresses: its guest may be elsewhere', async () => {
    const { blue } = await createMachine('offline', ['blue']);
    await untilMachineKept('offline', { blue });
    const claim = stickyClaimName({ kind: 'VirtualMachine', name: 'offline', nic: 'blue' });
    await eventually(() => kubectl(['get', 'macallocation', claim, '-n', NAMES]), within);
    await removeMachine('offline');
    await whileLedgerIsAway(async () => {
      for (const nic of ['blue', { name: 'blue', macAddress: blue }]) {
        await expect(createMachine('offline', [nic])).rejects.toThrow(/request to the ledger failed/);
      }
    });
    expect(await eventually(() => createMachine('offline', ['blue']), within)).toEqual({ blue });
  });
});
