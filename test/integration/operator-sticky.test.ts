import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AddressRow } from '../../ledger/address/address-row.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { markUnreachable } from '../../ledger/sticky/unreachable.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { createNode, SLOW_LEASE, stayInContact } from './hand-made-node.ts';
import { aClaim, addressesOf, aPod, auditOf, installedEnvOfThisFile, whileLedgerIsAhead } from './installed-env.ts';

// Addresses that belong to the names of pods. The sets are of the real controller of StatefulSets, and no kubelet runs their pods.

const installed = installedEnvOfThisFile({ env: { ROCK_MAC_RESYNC_SECONDS: '1' } });
const kubectl = (args: readonly string[], input?: object) =>
  installed().plane.kubectl(args, input === undefined ? {} : { input: JSON.stringify(input) });

const OPERATOR = 'system:serviceaccount:rock-mac-system:rock-mac-operator';
const STICKY = { 'mac.rock-os.io/sticky': 'true' };
const retention = (text: string) => ({ 'mac.rock-os.io/sticky-retention': text });
const RELEASE_BOTH = retention('whenScaled=Release,whenDeleted=Release');
const RETAIN_BOTH = retention('whenScaled=Retain,whenDeleted=Retain');

interface SetOptions {
  readonly replicas?: number;
  readonly networks?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

function aSet(name: string, { replicas = 1, networks = 'blue', annotations = {} }: SetOptions = {}): object {
  const pod = JSON.parse(aPod('unused', { networks, annotations: { ...STICKY, ...annotations } })) as {
    metadata: { annotations: object };
    spec: object;
  };
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name },
    spec: {
      replicas,
      serviceName: name,
      podManagementPolicy: 'Parallel',
      selector: { matchLabels: labels },
      template: { metadata: { labels, annotations: pod.metadata.annotations }, spec: pod.spec },
    },
  };
}

const claims = z.object({
  items: z.array(
    z.object({
      metadata: z.object({
        name: z.string(),
        uid: z.string(),
        labels: z.record(z.string(), z.string()).optional(),
        deletionTimestamp: z.string().optional(),
      }),
      spec: z.looseObject({
        mac: z.string().optional(),
        stickyFor: z.looseObject({ name: z.string(), nic: z.string() }).optional(),
        consumerRef: z.object({ name: z.string() }).optional(),
      }),
      status: z
        .object({
          conditions: z.array(z.object({ type: z.string(), status: z.string(), message: z.string() })),
          unreachableConsumer: z.object({ node: z.string() }).optional(),
        })
        .optional(),
    }),
  ),
});

async function shown() {
  return claims.parse(JSON.parse(await kubectl(['get', 'macallocations', '-o', 'json']))).items;
}

const stickyClaims = async () => (await shown()).filter(({ spec }) => spec.stickyFor !== undefined);
const claimOf = async (address: string) => (await stickyClaims()).find(({ spec }) => spec.mac === address);
const uidOf = (pod: string) => kubectl(['get', 'pod', pod, '-o', 'jsonpath={.metadata.uid}', '--ignore-not-found']);
const macsOf = async (pod: string) => (await addressesOf(installed().plane, pod)).map((each) => each.mac);
const rowOf = async (address: string): Promise<AddressRow | undefined> =>
  await findByMac(installed().ledger, mac(address));

function until(what: string, holds: () => Promise<boolean>, within = 25_000): Promise<void> {
  return eventually(
    async () => {
      if (!(await holds())) throw new Error(`not yet: ${what}`);
    },
    { within, every: 100 },
  );
}

/** Waits until these addresses are active and shown by sticky claims. */
const untilSticky = (addresses: readonly string[]) =>
  until('active and shown', async () => {
    const claimed = new Set((await stickyClaims()).map(({ spec }) => spec.mac));
    const rows = await Promise.all(addresses.map(rowOf));
    return addresses.every((each) => claimed.has(each)) && rows.every((row) => row?.state === 'active');
  });

/** Waits for a pod and returns its addresses. A set makes its pod again with another uid. */
async function addressesOfPod(name: string, formerUid = ''): Promise<readonly string[]> {
  await until(`pod ${name}`, async () => !['', formerUid].includes(await uidOf(name)));
  return await macsOf(name);
}

/** Creates a set and returns the addresses of its pods, in their order. */
async function createSet(name: string, options: SetOptions = {}): Promise<readonly (readonly string[])[]> {
  await kubectl(['create', '-f', '-'], aSet(name, options));
  const found: (readonly string[])[] = [];
  for (let ordinal = 0; ordinal < (options.replicas ?? 1); ordinal++) {
    found.push(await addressesOfPod(`${name}-${String(ordinal)}`));
  }
  await untilSticky(found.flat());
  return found;
}

async function scale(name: string, replicas: number): Promise<void> {
  await kubectl(['scale', 'statefulset', name, `--replicas=${String(replicas)}`]);
  await until(`${String(replicas)} pods`, async () => {
    const pods = await kubectl(['get', 'pods', '-l', `app=${name}`, '-o', 'name']);
    return pods.split('\n').filter((line) => line !== '').length === replicas;
  });
}

/** Waits until a resync found an address unused, then sets that time back by 25 hours. */
async function makeUnusedForADay(...addresses: readonly string[]): Promise<void> {
  await until('unused', async () =>
    (await Promise.all(addresses.map(rowOf))).every((row) => row?.missingSince !== undefined),
  );
  for (const address of addresses) {
    await installed().ledger.connections.query(
      `update rock_mac.addresses set missing_since = missing_since - interval '25 hours' where addr = rock_mac.to_addr($1::macaddr)`,
      [address],
    );
  }
}

const untilReleased = (address: string) =>
  until('released and not shown', async () => {
    return (await rowOf(address))?.state === 'released' && (await claimOf(address)) === undefined;
  });

/** Waits for some resyncs, and expects that they changed nothing. */
async function expectKept(address: string): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  expect(await rowOf(address)).toMatchObject({ state: 'active' });
  expect(await claimOf(address)).toBeDefined();
}

const force = ['--force', '--grace-period=0'];

afterEach(async () => {
  await kubectl(['delete', 'statefulsets,pods', '--all', '--wait=false', ...force]);
  await kubectl(['delete', 'nodes', '--all', '--wait=false']);
  await until('no pods', async () => (await kubectl(['get', 'pods', '-o', 'name'])) === '');
  await kubectl(['delete', 'macallocations', '--all', '--wait=false']);
  await until('no allocations', async () => (await shown()).length === 0, 40_000);
});

describe('a pod of a StatefulSet', () => {
  test('has its addresses again when it is made again, and nothing is written for that', async () => {
    const [first = [], second = []] = await createSet('web', { replicas: 2, networks: 'blue,red' });
    expect(new Set([...first, ...second]).size).toBe(4);
    const before = (await shown()).map(({ metadata }) => metadata.uid).sort();
    const uid = await uidOf('web-0');
    await kubectl(['delete', 'pod', 'web-0', ...force]);
    expect(await addressesOfPod('web-0', uid)).toEqual(first);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect((await shown()).map((each) => each.metadata.uid).sort()).toEqual(before);
    for (const address of first) {
      expect((await auditOf(installed().ledger, address)).map(({ action }) => action)).toEqual(['allocate', 'bind']);
    }
    const claim = await claimOf(first[0] ?? '');
    expect(claim?.metadata.labels).toEqual({ 'mac.rock-os.io/sticky': 'true' });
    expect(claim?.spec.stickyFor).toEqual({
      apiVersion: 'v1',
      kind: 'Pod',
      name: 'web-0',
      nic: 'default/blue#0',
      controller: { apiVersion: 'apps/v1', kind: 'StatefulSet', name: 'web' },
      ordinal: 0,
    });
    const wide = await kubectl(['get', 'ma', '-l', 'mac.rock-os.io/sticky', '-o', 'wide']);
    expect(wide).toMatch(new RegExp(`${first[0] ?? ''}.* web-0 `));
  });

  test('has them again after the set was scaled to 0 and back, however long that took', async () => {
    const [first = [], second = []] = await createSet('down', { replicas: 2 });
    await scale('down', 0);
    await makeUnusedForADay(...first, ...second);
    await expectKept(first[0] ?? '');
    await scale('down', 2);
    expect(await macsOf('down-0')).toEqual(first);
    expect(await macsOf('down-1')).toEqual(second);
    await until('in use again', async () => (await rowOf(first[0] ?? ''))?.missingSince === undefined);
  });

  test('loses them some time after a scale down if it says so, and the others keep theirs', async () => {
    const [first = [], second = []] = await createSet('less', { replicas: 2, annotations: RELEASE_BOTH });
    await scale('less', 1);
    await makeUnusedForADay(...second);
    await untilReleased(second[0] ?? '');
    await expectKept(first[0] ?? '');
  });

  test('loses them some time after the set was deleted, by default', async () => {
    const [only = []] = await createSet('gone');
    await kubectl(['delete', 'statefulset', 'gone']);
    await until('unused', async () => (await rowOf(only[0] ?? ''))?.missingSince !== undefined);
    await expectKept(only[0] ?? '');
    await makeUnusedForADay(...only);
    await untilReleased(only[0] ?? '');
  });

  test('keeps them after the set was deleted if it says so, for the next set of this name', async () => {
    const [only = []] = await createSet('back', { annotations: RETAIN_BOTH });
    await kubectl(['delete', 'statefulset', 'back']);
    await until('no pod', async () => (await uidOf('back-0')) === '');
    await makeUnusedForADay(...only);
    await expectKept(only[0] ?? '');
    expect(await createSet('back', { annotations: RELEASE_BOTH })).toEqual([only]);
    await until('the retention of the new set', async () => {
      const claim = await claimOf(only[0] ?? '');
      return JSON.stringify(claim?.spec.stickyFor?.['retention']).includes('"whenDeleted":"Release"');
    });
  });

  test('gets one more with a new network, and loses that of a removed network later', async () => {
    const [[blue = '', red = ''] = []] = await createSet('nets', { networks: 'blue,red' });
    const uid = await uidOf('nets-0');
    await kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], aSet('nets', { networks: 'blue,green' }));
    const [same, green = ''] = await addressesOfPod('nets-0', uid);
    expect(same).toBe(blue);
    expect([blue, red]).not.toContain(green);
    await untilSticky([blue, green]);
    await makeUnusedForADay(red);
    await untilReleased(red);
    await expectKept(blue);
  });

  test('keeps an address whose network somebody cut out of its annotations while it runs', async () => {
    const [[address = ''] = []] = await createSet('cut');
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    const edited = ['k8s.v1.cni.cncf.io/networks-', 'mac.rock-os.io/addresses-'];
    await kubectl(['annotate', 'pod', 'cut-0', ...edited]);
    await until('unused', async () => (await rowOf(address))?.missingSince !== undefined);
    await whileLedgerIsAhead(installed().ledger, '25 hours', () => expectKept(address));
  });
});

describe('the deletion of a sticky claim', () => {
  test('releases the address of a name that has no pod', async () => {
    const [[address = ''] = []] = await createSet('free');
    await scale('free', 0);
    await kubectl(['delete', 'macallocation', (await claimOf(address))?.metadata.name ?? '', '--timeout=20s']);
    expect((await rowOf(address))?.state).toBe('released');
    await scale('free', 1);
    expect(await macsOf('free-0')).not.toContain(address);
  });

  test('gives the address to the pod that uses it, and the next pod gets another that stays', async () => {
    const [[address = ''] = []] = await createSet('own');
    const uid = await uidOf('own-0');
    await kubectl(['delete', 'macallocation', (await claimOf(address))?.metadata.name ?? '', '--timeout=20s']);
    expect(await rowOf(address)).toMatchObject({ state: 'active', owner: { name: 'own-0', uid } });
    const mirror = (await shown()).find(({ spec }) => spec.mac === address);
    expect(mirror?.spec.consumerRef?.name).toBe('own-0');
    await kubectl(['delete', 'pod', 'own-0', ...force]);
    const [next = ''] = await addressesOfPod('own-0', uid);
    expect(next).not.toBe(address);
    await untilSticky([next]);
    await until('released', async () => (await rowOf(address))?.state === 'released');
  });
});

describe('a sticky claim', () => {
  test('that vanished without the operator is made again while its pod lives', async () => {
    const [[address = ''] = []] = await createSet('vanish');
    const former = await claimOf(address);
    const name = former?.metadata.name ?? '';
    await Promise.all(installed().installation.operators.map((operator) => operator.kill()));
    await kubectl(['patch', 'macallocation', name, '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
    await kubectl(['delete', 'macallocation', name]);
    await installed().installation.startOperator();
    await untilSticky([address]);
    expect((await claimOf(address))?.metadata.uid).not.toBe(former?.metadata.uid);
    expect((await auditOf(installed().ledger, address)).map(({ action }) => action)).toEqual(['allocate', 'bind']);
  });

  test('gets its finalizer back', async () => {
    const [[address = ''] = []] = await createSet('bolt');
    const name = (await claimOf(address))?.metadata.name ?? '';
    await kubectl(['patch', 'macallocation', name, '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
    await until('the finalizer', async () => {
      const path = 'jsonpath={.metadata.finalizers}';
      return (await kubectl(['get', 'macallocation', name, '-o', path])).includes('mac.rock-os.io/release');
    });
  });

  test('that a backup of the cluster brings back is removed, because the ledger ended it later', async () => {
    const { plane } = installed();
    const [[address = ''] = []] = await createSet('backup');
    const stored = JSON.parse(
      await kubectl(['get', 'macallocation', (await claimOf(address))?.metadata.name ?? '', '-o', 'json']),
    ) as { metadata: Record<string, unknown>; spec: object };
    await scale('backup', 0);
    await kubectl(['delete', 'macallocation', String(stored.metadata['name']), '--timeout=20s']);
    const { name, namespace, labels, finalizers } = stored.metadata;
    const kubeconfig = await plane.userKubeconfig(OPERATOR, ['system:masters']);
    await kubectl(['--kubeconfig', kubeconfig, 'create', '-f', '-'], {
      ...stored,
      metadata: { name, namespace, labels, finalizers },
    });
    await until('removed', async () => (await claimOf(address)) === undefined);
    expect((await rowOf(address))?.state).toBe('released');
  });

  test('cannot be made where somebody else uses its name: an Event says so, and the address stays', async () => {
    const [[address = ''] = []] = await createSet('taken');
    const name = (await claimOf(address))?.metadata.name ?? '';
    await Promise.all(installed().installation.operators.map((operator) => operator.kill()));
    await kubectl(['patch', 'macallocation', name, '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
    await kubectl(['delete', 'macallocation', name]);
    const label = { labels: { 'mac.rock-os.io/sticky': 'true' } };
    const stranger = JSON.parse(aClaim(name, { pool: 'development' })) as { metadata: object };
    await kubectl(['create', '-f', '-'], { ...stranger, metadata: { ...stranger.metadata, ...label } });
    await installed().installation.startOperator();
    const events = [
      'get',
      'events',
      '--field-selector=reason=StickyNameTaken,involvedObject.name=taken-0',
      '-o',
      'name',
    ];
    await until('the Event', async () => (await kubectl(events)) !== '');
    const uid = await uidOf('taken-0');
    await kubectl(['delete', 'pod', 'taken-0', ...force]);
    expect(await addressesOfPod('taken-0', uid)).toEqual([address]);
    await kubectl(['delete', 'macallocation', name, '--timeout=20s']);
    await untilSticky([address]);
  });
});

describe('a node that is not ready', () => {
  const unreachableOf = async (address: string) =>
    (await claimOf(address))?.status?.conditions.find(({ type }) => type === 'ConsumerUnreachable');

  const untilUnmarked = (address: string) =>
    until('not marked', async () => (await rowOf(address))?.unreachableNode === undefined);

  /** Makes a pod on a node, and has the node fall silent. */
  async function aPodOnASilentNode(name: string) {
    const kubelet = await createNode(installed().plane, `node-${name}`, SLOW_LEASE);
    const node = kubelet.name;
    const pod = () => JSON.parse(aPod(name, { networks: 'blue', annotations: STICKY, nodeName: node })) as object;
    await kubectl(['create', '-f', '-'], pod());
    const [address = ''] = await macsOf(name);
    await untilSticky([address]);
    await kubelet.setReady('Unknown');
    await until('marked', async () => (await rowOf(address))?.unreachableNode === node);
    await until('shown', async () => (await unreachableOf(address))?.status === 'True');
    const createNext = () =>
      kubectl(['create', '-f', '-'], JSON.parse(aPod(name, { networks: 'blue', annotations: STICKY })) as object);
    return { address, node, kubelet, createNext };
  }

  /** As `aPodOnASilentNode`, and deletes the pod by force, as a person does. */
  async function aPodThatVanished(name: string) {
    const scene = await aPodOnASilentNode(name);
    await kubectl(['delete', 'pod', name, ...force]);
    await expect(scene.createNext()).rejects.toThrow(/may still be in use: the last pod of this name may run on/);
    return scene;
  }

  const ways: readonly [string, string, (scene: { address: string; node: string }) => Promise<unknown>][] = [
    ['the node is deleted', 'deleted', ({ node }) => kubectl(['delete', 'node', node])],
    [
      'the node is declared off',
      'off',
      ({ node }) => kubectl(['taint', 'node', node, 'node.kubernetes.io/out-of-service=nodeshutdown:NoExecute']),
    ],
    [
      'a person knows that the pod has ended',
      'person',
      async ({ address, node }) => {
        const name = (await claimOf(address))?.metadata.name ?? '';
        await kubectl(['annotate', 'macallocation', name, `mac.rock-os.io/consumer-ended=${node}`]);
      },
    ],
  ];

  test.each(ways)('keeps the address of its pod from the next one, until %s', async (_, name, act) => {
    const scene = await aPodThatVanished(name);
    await act(scene);
    await untilUnmarked(scene.address);
    await scene.createNext();
    expect(await macsOf(name)).toEqual([scene.address]);
    await until('not shown', async () => (await unreachableOf(scene.address))?.status === 'False');
    const left = await kubectl(['get', 'ma', '-o', 'jsonpath={.items[*].metadata.annotations}']);
    expect(left).not.toContain('consumer-ended');
  });

  test('keeps the address also when another pod of that name ends elsewhere', async () => {
    const { address, node, createNext } = await aPodThatVanished('other');
    const annotations = { 'mac.rock-os.io/sticky': 'false' };
    await kubectl(['create', '-f', '-'], JSON.parse(aPod('other', { networks: 'blue', annotations })) as object);
    await kubectl(['delete', 'pod', 'other', ...force]);
    await new Promise((resolve) => setTimeout(resolve, 3_000));
    expect((await rowOf(address))?.unreachableNode).toBe(node);
    await expect(createNext()).rejects.toThrow(/may still be in use/);
  });

  test('and a second such node keep the address until the pods of both have ended', async () => {
    const { ledger, plane } = installed();
    const first = await createNode(plane, 'node-first', SLOW_LEASE);
    await first.setReady('Unknown');
    const second = await createNode(plane, 'node-second', SLOW_LEASE);
    const create = (nodeName?: string) =>
      kubectl(
        ['create', '-f', '-'],
        JSON.parse(aPod('both', { networks: 'blue', annotations: STICKY, ...(nodeName && { nodeName }) })) as object,
      );
    await create(second.name);
    const [address = ''] = await macsOf('both');
    await untilSticky([address]);
    // A pod on the first node was deleted by force, and admission was faster than the mark.
    const row = await rowOf(address);
    if (row?.owner === undefined) throw new Error('nobody holds the address');
    const clusterId = row.owner.clusterId;
    await markUnreachable(ledger, { clusterId, node: first.name }, [row], 'test');
    const shownNode = async () => (await claimOf(address))?.status?.unreachableConsumer?.node;
    await kubectl(['label', 'node', first.name, 'looked=at']);
    await until('shown', async () => (await shownNode()) === first.name);
    await second.setReady('Unknown');
    await until('the last one is shown', async () => (await shownNode()) === second.name);
    expect((await rowOf(address))?.unreachableNode).toBe(first.name);
    await kubectl(['delete', 'pod', 'both', ...force]);
    await kubectl(['delete', 'node', first.name]);
    await until('moved', async () => (await rowOf(address))?.unreachableNode === second.name);
    await expect(create()).rejects.toThrow(/may still be in use/);
    await kubectl(['delete', 'node', second.name]);
    await untilUnmarked(address);
    await create();
    expect(await macsOf('both')).toEqual([address]);
  });

  test('is shown again after a person said that the pod on the second one has ended', async () => {
    const { ledger, plane } = installed();
    const first = await createNode(plane, 'node-kept', SLOW_LEASE);
    await first.setReady('Unknown');
    const second = await createNode(plane, 'node-quick', SLOW_LEASE);
    const changes = { networks: 'blue', annotations: STICKY, nodeName: second.name };
    await kubectl(['create', '-f', '-'], JSON.parse(aPod('again', changes)) as object);
    const [address = ''] = await macsOf('again');
    await untilSticky([address]);
    // A pod on the first node was deleted by force, and admission was faster than the mark.
    const row = await rowOf(address);
    if (row?.owner === undefined) throw new Error('nobody holds the address');
    await markUnreachable(ledger, { clusterId: row.owner.clusterId, node: first.name }, [row], 'test');
    const shown = async () => (await claimOf(address))?.status?.unreachableConsumer;
    await kubectl(['label', 'node', first.name, 'looked=at']);
    await until('shown', async () => (await shown())?.node === first.name);
    // The second node does not respond either, and is not NotReady yet.
    await kubectl(['delete', 'pod', 'again', ...force]);
    await until('the last one is shown', async () => (await shown())?.node === second.name);
    expect((await rowOf(address))?.unreachableNode).toBe(first.name);
    const name = (await claimOf(address))?.metadata.name ?? '';
    await kubectl(['annotate', 'macallocation', name, `mac.rock-os.io/consumer-ended=${second.name}`]);
    await until('the first one is shown', async () => (await shown())?.node === first.name);
    await kubectl(['annotate', '--overwrite', 'macallocation', name, `mac.rock-os.io/consumer-ended=${first.name}`]);
    await untilUnmarked(address);
    await until('no mark is shown', async () => (await shown()) === undefined);
  });

  test('gives the address to the next pod when the kubelet there reports the end of its pod', async () => {
    const { address, createNext } = await aPodOnASilentNode('ended');
    const failed = JSON.stringify({ status: { phase: 'Failed' } });
    await kubectl(['patch', 'pod', 'ended', '--subresource=status', '--type=merge', '-p', failed]);
    await kubectl(['delete', 'pod', 'ended', ...force]);
    await untilUnmarked(address);
    await createNext();
    expect(await macsOf('ended')).toEqual([address]);
  });

  test('does not keep a namespace from its end, and the address stays held', async () => {
    const namespace = 'ends';
    const node = 'node-ends';
    const kubelet = await createNode(installed().plane, node);
    await kubectl(['create', 'namespace', namespace]);
    const pod = JSON.parse(aPod('web-0', { networks: 'blue', annotations: STICKY, nodeName: node })) as {
      metadata: object;
    };
    const created = { ...pod, metadata: { ...pod.metadata, namespace } };
    await until('accepted', () => kubectl(['create', '-f', '-'], created).then(() => true));
    await until('shown', async () => (await kubectl(['get', 'ma', '-n', namespace, '-o', 'name'])) !== '');
    const address = await kubectl(['get', 'ma', '-n', namespace, '-o', 'jsonpath={.items[0].spec.mac}']);
    const row = () => rowOf(address);
    await until('active', async () => (await row())?.state === 'active');
    await kubelet.setReady('Unknown');
    await until('marked', async () => (await row())?.unreachableNode === node);
    await kubectl(['delete', 'pod', 'web-0', '-n', namespace, ...force]);
    await kubectl(['delete', 'namespace', namespace, '--timeout=40s']);
    expect(await row()).toMatchObject({ state: 'active', unreachableNode: node });
  });

  test('is found by the next operator, also when it came back while none ran', async () => {
    const { address, kubelet } = await aPodOnASilentNode('restart');
    await Promise.all(installed().installation.operators.map((operator) => operator.kill()));
    await kubelet.setReady('True');
    await installed().installation.startOperator();
    await untilUnmarked(address);
  });

  test('marks nothing any more once it is ready, while its pod is still there', async () => {
    const { address, kubelet } = await aPodOnASilentNode('there');
    await kubelet.setReady('True');
    await untilUnmarked(address);
    await until('not shown', async () => (await unreachableOf(address))?.status === 'False');
  });

  test('keeps the address under which its pod got it, although its interface has another name by now', async () => {
    const kubelet = await createNode(installed().plane, 'node-renamed', SLOW_LEASE);
    const pod = aPod('renamed', { networks: 'blue', annotations: STICKY, nodeName: kubelet.name });
    await kubectl(['create', '-f', '-'], JSON.parse(pod) as object);
    const [address = ''] = await macsOf('renamed');
    await untilSticky([address]);
    const networks = JSON.stringify([{ name: 'green', mac: address }]);
    await kubectl(['annotate', '--overwrite', 'pod', 'renamed', `k8s.v1.cni.cncf.io/networks=${networks}`]);
    await kubelet.setReady('Unknown');
    await until('marked', async () => (await rowOf(address))?.unreachableNode === kubelet.name);
    await until('shown', async () => (await unreachableOf(address))?.status === 'True');
  });

  test('keeps the address of a pod that vanished, until it was ready for long enough to end the pod', async () => {
    const { address, node, kubelet, createNext } = await aPodThatVanished('back');
    await kubelet.setReady('True');
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    await kubelet.renewLease(60);
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect((await rowOf(address))?.unreachableNode).toBe(node);
    await expect(createNext()).rejects.toThrow(/may still be in use/);
    await stayInContact(kubelet, async () => (await rowOf(address))?.unreachableNode === undefined);
    await createNext();
    expect(await macsOf('back')).toEqual([address]);
  });

  test('is believed by the next operator when it was ready for long enough while none ran', async () => {
    const { address, node, kubelet } = await aPodThatVanished('meanwhile');
    await Promise.all(installed().installation.operators.map((operator) => operator.kill()));
    await kubelet.setReady('True');
    await kubelet.renewLease(60);
    await kubelet.renewLease(60);
    await kubelet.renewLease(60);
    await installed().installation.startOperator();
    await new Promise((resolve) => setTimeout(resolve, 5_000));
    expect((await rowOf(address))?.unreachableNode).toBe(node);
    await stayInContact(kubelet, async () => (await rowOf(address))?.unreachableNode === undefined);
  });
});

describe('a pod that is deleted by force from a node that is not NotReady yet', () => {
  const onANode = async (name: string) => {
    const kubelet = await createNode(installed().plane, `node-${name}`, SLOW_LEASE);
    const pod = JSON.parse(aPod(name, { networks: 'blue', annotations: STICKY, nodeName: kubelet.name })) as object;
    await kubectl(['create', '-f', '-'], pod);
    const [address = ''] = await macsOf(name);
    await untilSticky([address]);
    return { address, kubelet, pod };
  };

  test('keeps its address from the next one, until its node was in contact for a while', async () => {
    const { address, kubelet, pod } = await onANode('quick');
    await kubectl(['delete', 'pod', 'quick', ...force]);
    await until('marked', async () => (await rowOf(address))?.unreachableNode === kubelet.name);
    await expect(kubectl(['create', '-f', '-'], pod)).rejects.toThrow(/may still be in use/);
    await stayInContact(kubelet, async () => (await rowOf(address))?.unreachableNode === undefined);
    await kubectl(['create', '-f', '-'], pod);
    expect(await macsOf('quick')).toEqual([address]);
  });

  test('says so by an Event at the next one, if that was faster', async () => {
    const { address, pod } = await onANode('faster');
    const operator = installed().installation.operators.at(-1);
    operator?.signal('SIGSTOP');
    await kubectl(['delete', 'pod', 'faster', ...force]);
    await kubectl(['create', '-f', '-'], pod);
    operator?.signal('SIGCONT');
    const events = ['get', 'events', '--field-selector=reason=AddressMayBeInUse,involvedObject.name=faster'];
    await until('the Event', async () => (await kubectl([...events, '-o', 'name'])) !== '');
    expect((await rowOf(address))?.unreachableNode).toBeUndefined();
  });
});

test('a bare pod keeps its address for a while without a pod, and then loses it', async () => {
  const pod = JSON.parse(aPod('lone', { networks: 'blue', annotations: STICKY })) as object;
  await kubectl(['create', '-f', '-'], pod);
  const [address = ''] = await macsOf('lone');
  await untilSticky([address]);
  await kubectl(['delete', 'pod', 'lone', ...force]);
  await until('unused', async () => (await rowOf(address))?.missingSince !== undefined);
  await kubectl(['create', '-f', '-'], pod);
  expect(await macsOf('lone')).toEqual([address]);
  await until('in use again', async () => (await rowOf(address))?.missingSince === undefined);
  await kubectl(['delete', 'pod', 'lone', ...force]);
  await makeUnusedForADay(address);
  await untilReleased(address);
});
