import { beforeAll, describe, expect, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { observationsOfMac } from '../../ledger/observation/observations.ts';
import { mac } from '../../mac/mac-address.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, auditOf, installedEnvOfThisFile, whileLedgerIsAhead } from './installed-env.ts';

/*
 * Replays of what the controllers of KubeVirt wrote when they ran for real: an instance that outlived its machine, volumes
 * that are hotplugged, a migration into another namespace, a clone. KubeVirt itself cannot run here.
 */

const installed = installedEnvOfThisFile({ env: { ROCK_MAC_RESYNC_SECONDS: '2' } });
const TEAM = 'team';
const OURS = /^a4:58:0f:05:/;

async function kubectl(args: readonly string[], input?: object): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input: JSON.stringify(input) });
}

interface Reference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

/** Creates an object. Returns the fields of an owner reference to it. */
async function create(manifest: Manifest, namespace = TEAM): Promise<Reference> {
  const uid = await kubectl(['create', '-n', namespace, '-f', '-', '-o', 'jsonpath={.metadata.uid}'], manifest);
  const { apiVersion, kind, metadata } = manifest;
  return { apiVersion, kind, name: metadata.name, uid };
}

type Nic = Readonly<Record<string, unknown>> & { readonly name: string };

/** The three bindings whose addresses KubeVirt writes to different places. */
const NICS: readonly Nic[] = [
  { name: 'default', masquerade: {} },
  { name: 'blue', bridge: {} },
  { name: 'fast', sriov: {} },
];

function specOf(nics: readonly Nic[]) {
  const networks = nics.map(({ name, masquerade }) => ({
    name,
    ...(masquerade === undefined ? { multus: { networkName: name } } : { pod: {} }),
  }));
  return { domain: { devices: { interfaces: nics } }, networks };
}

interface MachineParts {
  readonly nics?: readonly Nic[];
  readonly spec?: object;
  readonly annotations?: Readonly<Record<string, string>>;
}

function machine(name: string, { nics = NICS, spec, annotations = {} }: MachineParts = {}) {
  const template = { spec: specOf(nics) };
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name, annotations },
    spec: { runStrategy: 'Always', template, ...spec },
  };
}

/** Returns the running instance that virt-controller and virt-handler write for a machine. */
function instance(owner: Reference | undefined, name: string, nics: readonly Nic[], shown: readonly string[]) {
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachineInstance',
    metadata: { name, ownerReferences: owner === undefined ? [] : [{ ...owner, controller: true }] },
    spec: specOf(nics),
    status: { phase: 'Running', interfaces: nics.map((nic, index) => ({ name: nic.name, mac: shown[index] })) },
  };
}

/**
 * Returns the launcher pod as it is once it is ready: its networks list neither the masquerade nor the SR-IOV interface.
 * Only the annotation of KubeVirt still has the address of the latter.
 */
function launcher(name: string, owner: Reference, { blue, fast }: { readonly blue: string; readonly fast: string }) {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      labels: { 'kubevirt.io': 'virt-launcher' },
      ownerReferences: [{ ...owner, controller: true }],
      annotations: {
        'k8s.v1.cni.cncf.io/networks': JSON.stringify([{ name: 'blue', mac: blue, interface: 'pod16477688c0e' }]),
        'kubevirt.io/network-info': JSON.stringify({ interfaces: [{ network: 'fast', mac: fast }] }),
      },
    },
    spec: { containers: [{ name: 'compute', image: 'example.invalid/none' }] },
  };
}

async function macsOf(name: string, namespace = TEAM): Promise<string[]> {
  const path = '{.spec.template.spec.domain.devices.interfaces[*].macAddress}';
  const text = await kubectl(['get', 'vm', name, '-n', namespace, '-o', `jsonpath=${path}`]);
  return text.split(' ').filter((each) => each !== '');
}

async function patch(kind: string, name: string, body: object, namespace = TEAM): Promise<void> {
  await kubectl(['patch', kind, name, '-n', namespace, '--type=merge', '-p', JSON.stringify(body)]);
}

async function rowOf(address: string) {
  return await findByMac(installed().ledger, mac(address));
}

async function untilState(addresses: readonly string[], state: string): Promise<void> {
  await eventually(
    async () => {
      for (const address of addresses) expect(await rowOf(address), address).toMatchObject({ state });
    },
    { within: 40_000, every: 200 },
  );
}

/** Expects that the addresses stay held for longer than the operator waits before it checks them again. */
async function expectStayHeld(addresses: readonly string[]): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  for (const address of addresses) expect(await rowOf(address), address).toMatchObject({ state: 'active' });
}

async function actionsOn(address: string): Promise<readonly string[]> {
  return (await auditOf(installed().ledger, address)).map(({ action }) => action);
}

async function refusalOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => 'admitted',
    (error: unknown) => String(error),
  );
}

/** A machine with three interfaces that runs, and the addresses of its guest. */
async function startMachine(name: string) {
  const vm = await create(machine(name));
  const macs = await macsOf(name);
  expect(macs).toEqual(NICS.map(() => expect.stringMatching(OURS) as string));
  const nics = NICS.map((nic, index) => ({ ...nic, macAddress: macs[index] }));
  const vmi = await create(instance(vm, name, nics, macs));
  const pod = await create(launcher(`virt-launcher-${name}`, vmi, { blue: macs[1] ?? '', fast: macs[2] ?? '' }));
  await untilState(macs, 'active');
  return { pod, macs, nics };
}

/**
 * Deletes a machine and leaves its guest running, as the garbage collector does for `--cascade=orphan`. That may not know
 * kinds that were just installed.
 */
async function orphanInstance(name: string): Promise<void> {
  await patch('vmi', name, { metadata: { ownerReferences: null } });
  await kubectl(['delete', 'vm', name, '-n', TEAM, '--cascade=orphan']);
}

/** What virt-controller does with a running instance as soon as a machine of its name exists. */
async function adoptInstance(name: string, vm: Reference): Promise<void> {
  const owner = { ...vm, controller: true, blockOwnerDeletion: true };
  await patch('vmi', name, { metadata: { ownerReferences: [owner] } });
}

async function stopGuest(name: string): Promise<void> {
  await kubectl([
    'delete',
    `vmi/${name}`,
    `pod/virt-launcher-${name}`,
    '-n',
    TEAM,
    '--ignore-not-found',
    '--grace-period=0',
    '--force',
  ]);
}

beforeAll(async () => {
  const { plane } = installed();
  await installForeignCrds(plane.kubectl);
  for (const name of [TEAM, 'target']) {
    await kubectl(['create', 'namespace', name]);
    await kubectl(['label', 'namespace', name, 'mac.rock-os.io/inject=enabled']);
  }
  await eventually(() => kubectl(['get', 'serviceaccount', 'default', '-n', TEAM]), { within: 20_000 });
  await eventually(() => kubectl(['create', '--dry-run=server', '-n', TEAM, '-f', '-'], machine('early')));
});

describe('a machine that is made again while the guest of the first still runs', () => {
  test('without addresses: the guest keeps its own, and nobody else gets them', async () => {
    const { macs: first, nics } = await startMachine('orph');
    await orphanInstance('orph');
    const again = await create(machine('orph'));
    const second = await macsOf('orph');
    expect(second.filter((address) => first.includes(address))).toEqual([]);
    await adoptInstance('orph', again);
    await expectStayHeld([...first, ...second]);
    for (const address of first) expect(await actionsOn(address)).not.toContain('release');

    await whileLedgerIsAhead(installed().ledger, '61 minutes', async () => {
      const wanted = [{ name: 'fast', sriov: {}, macAddress: first[2] }];
      expect(await refusalOf(create(machine('thief', { nics: wanted })))).toMatch(/held by another owner/);
    });

    // After a restart, the guest has the addresses of the second machine.
    await stopGuest('orph');
    await create(instance(again, 'orph', nics, second));
    await patch('vmi', 'orph', { spec: specOf(NICS.map((nic, index) => ({ ...nic, macAddress: second[index] }))) });
    await untilState(first, 'released');
    await untilState(second, 'active');
  });

  test('with its addresses: it takes them over without a moment in which they are released', async () => {
    const { macs, nics } = await startMachine('back');
    const before = await Promise.all(macs.map(rowOf));
    await orphanInstance('back');
    const again = await create(machine('back', { nics }));
    await adoptInstance('back', again);
    await eventually(
      async () => {
        for (const address of macs)
          expect(await rowOf(address)).toMatchObject({ state: 'active', owner: { uid: again.uid } });
      },
      { within: 30_000, every: 200 },
    );
    expect((await Promise.all(macs.map(rowOf))).map((row) => row?.generation)).toEqual(
      before.map((row) => row?.generation),
    );
    for (const address of macs) expect(await actionsOn(address)).toEqual(['allocate', 'bind', 'change']);

    // The mirrors of the first machine end, although the guest runs.
    const uids = '{.items[?(@.spec.consumerRef.name=="back")].spec.consumerRef.uid}';
    await eventually(
      async () => {
        const shown = await kubectl(['get', 'macallocations', '-n', TEAM, '-o', `jsonpath=${uids}`]);
        expect(shown.split(' ')).toEqual(macs.map(() => again.uid));
      },
      { within: 30_000, every: 200 },
    );
    await expectStayHeld(macs);
    await kubectl(['delete', 'vm', 'back', '-n', TEAM]);
    await stopGuest('back');
    await untilState(macs, 'released');
  });

  test('a machine of another name or namespace gets none of them', async () => {
    const { nics } = await startMachine('mine');
    await orphanInstance('mine');
    for (const [name, namespace] of [
      ['other', TEAM],
      ['mine', 'target'],
    ] as const) {
      expect(await refusalOf(create(machine(name, { nics }), namespace))).toMatch(/held by another owner/);
    }
    await stopGuest('mine');
  });
});

describe('while no webhook answers', () => {
  const halted = { spec: { runStrategy: 'Halted' } };

  /** Stops every webhook during the work. */
  async function withoutWebhooks(work: () => Promise<void>): Promise<void> {
    const { installation } = installed();
    await Promise.all(installation.webhooks.map((webhook) => webhook.stop()));
    try {
      await work();
    } finally {
      await installation.startWebhook();
    }
  }

  test('a machine that has its addresses starts, and its unplugged interface is taken off', async () => {
    await create(machine('ready', halted));
    const macs = await macsOf('ready');
    const [first] = NICS.map((nic, index) => ({ ...nic, macAddress: macs[index] }));
    await withoutWebhooks(async () => {
      await patch('vm', 'ready', { spec: { runStrategy: 'Always' } });
      await patch('vm', 'ready', { spec: { template: { spec: specOf(first === undefined ? [] : [first]) } } });
      // An interface that needs an address has to wait.
      const grown = [...(first === undefined ? [] : [first]), { name: 'new', bridge: {} }];
      const plugged = patch('vm', 'ready', { spec: { template: { spec: specOf(grown) } } });
      expect(await refusalOf(plugged)).toMatch(/failed calling webhook/);
    });
    expect(await macsOf('ready')).toEqual([macs[0]]);
  });

  test('a volume is attached, and a pod that only says so has to wait as soon as it names a network', async () => {
    const { pod: owner, macs } = await startMachine('disks');
    const attachment = (name: string, annotations: Record<string, string> = {}) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: {
        name,
        labels: { 'kubevirt.io': 'hotplug-disk' },
        ownerReferences: [{ ...owner, controller: true }],
        annotations,
      },
      spec: { containers: [{ name: 'hotplug-disk', image: 'example.invalid/none' }] },
    });
    await withoutWebhooks(async () => {
      await create(attachment('hp-volume-a'));
      const networks = { 'k8s.v1.cni.cncf.io/networks': 'blue' };
      expect(await refusalOf(create(attachment('hp-volume-b', networks)))).toMatch(/failed calling webhook/);
    });
    const pod = await kubectl(['get', 'pod', 'hp-volume-a', '-n', TEAM, '-o', 'jsonpath={.metadata.annotations}']);
    expect(pod).toBe('');
    await expectStayHeld(macs);
  });
});

test('an address that lingers for long costs the API server next to nothing', async () => {
  const { nics, macs } = await startMachine('idle');
  await patch('vm', 'idle', { spec: { template: { spec: specOf(nics.slice(0, 1)) } } });
  const reads = async () => {
    const metrics = await kubectl(['get', '--raw', '/metrics']);
    const lines = metrics
      .split('\n')
      .filter((line) => /^apiserver_request_total\{.*resource="virtualmachineinstances"/.test(line));
    const gets = lines.filter((line) => line.includes('verb="GET"'));
    return gets.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  };
  // Two addresses linger. Each was checked a few times by now.
  await new Promise((resolve) => setTimeout(resolve, 15_000));
  const before = await reads();
  await new Promise((resolve) => setTimeout(resolve, 20_000));
  expect((await reads()) - before).toBeLessThanOrEqual(4);
  for (const address of macs) expect(await rowOf(address)).toMatchObject({ state: 'active' });
  await kubectl(['delete', 'vm', 'idle', '-n', TEAM]);
  await stopGuest('idle');
});

describe('a guest that migrates into another namespace', () => {
  const nics = [{ name: 'blue', bridge: {} }];
  /** Returns the reasons of the Events of the objects of this name at the target. */
  const eventsAt = async (name: string) => {
    const reasons = `jsonpath={.items[?(@.regarding.name=="${name}")].reason}`;
    return await kubectl(['get', 'events.events.k8s.io', '-n', 'target', '-o', reasons]);
  };

  interface Migration {
    readonly annotations?: Required<MachineParts>['annotations'];
    /** Whether the target has the address of the source, with its consent. */
    readonly isSame?: boolean;
  }

  /** Both sides of a migration: the guest runs at the target with the address of the source. */
  async function migrate(name: string, origin: string, { annotations = {}, isSame = false }: Migration = {}) {
    await kubectl(['create', 'namespace', origin]);
    await kubectl(['label', 'namespace', origin, 'mac.rock-os.io/inject=enabled']);
    await eventually(() => kubectl(['get', 'serviceaccount', 'default', '-n', origin]), { within: 20_000 });
    const source = await create(machine(name, { nics, annotations }), origin);
    const [from = ''] = await macsOf(name, origin);
    if (isSame) {
      await kubectl(['annotate', 'vm', name, '-n', origin, `mac.rock-os.io/transfer-to=target/${name}`]);
      await eventually(async () => {
        expect((await rowOf(from))?.handover).toMatchObject({ namespace: 'target', name });
      });
    }
    const written = isSame ? nics.map((nic) => ({ ...nic, macAddress: from })) : nics;
    const target = await create(machine(name, { nics: written, spec: { runStrategy: 'WaitAsReceiver' } }), 'target');
    const [own = ''] = await macsOf(name, 'target');
    const migrationState = { migrationUid: name, sourceState: { migrationUID: name } };
    for (const [owner, namespace, spec] of [
      [source, origin, from],
      [target, 'target', own],
    ] as const) {
      const { status, ...vmi } = instance(owner, name, [{ name: 'blue', bridge: {}, macAddress: spec }], [from]);
      await create({ ...vmi, status: { ...status, migrationState } } as Manifest, namespace);
    }
    return { from, own, target };
  }

  test('keeps its address from release and from others after its source and the namespace of that are gone', async () => {
    const { from, own } = await migrate('moved', 'origin');
    await untilState([from, own], 'active');
    await kubectl(['delete', 'namespace', 'origin', '--wait=false']);
    await kubectl(['wait', '--for=delete', 'namespace/origin', '--timeout=40s']);
    await expectStayHeld([from, own]);
    expect(await actionsOn(from)).not.toContain('release');
    await whileLedgerIsAhead(installed().ledger, '61 minutes', async () => {
      const wanted = [{ name: 'blue', bridge: {}, macAddress: from }];
      expect(await refusalOf(create(machine('late', { nics: wanted })))).toMatch(/held by another owner/);
    });
    expect(await eventsAt('moved')).not.toContain('AddressConflict');
    expect((await rowOf(from))?.missingSince).toBeUndefined();

    // Once the guest is gone too, the next resync releases the address.
    await kubectl(['delete', 'vmi', 'moved', '-n', 'target']);
    await untilState([from], 'released');
    await untilState([own], 'active');
  });

  test.each<[string, Required<MachineParts>['annotations']]>([
    ['sticky', { 'mac.rock-os.io/sticky': 'true' }],
    ['own', {}],
  ])(
    'keeps its address from a machine of the name of its source, whose %s address it is',
    async (origin, annotations) => {
      const { from } = await migrate('twin', origin, { annotations });
      await untilState([from], 'active');
      await eventually(
        async () => {
          expect(await observationsOfMac(installed().ledger, mac(from))).not.toEqual([]);
        },
        { within: 30_000, every: 200 },
      );
      await kubectl(['delete', 'vm', 'twin', '-n', origin]);
      const written = [{ name: 'blue', bridge: {}, macAddress: from }];
      expect(await refusalOf(create(machine('twin', { nics: written, annotations }), origin))).toMatch(
        /held by another owner/,
      );
      await create(machine('twin', { nics, annotations }), origin);
      expect(await macsOf('twin', origin)).not.toContain(from);
      await kubectl(['delete', 'vm', 'twin', '-n', 'target']);
      await kubectl(['wait', '--for=delete', 'vmi/twin', '-n', 'target', '--timeout=30s']);
    },
  );

  test('to a receiver with the addresses of its source: they are its own when the source and its namespace are gone', async () => {
    const { from, own, target } = await migrate('same', 'leaving', { isSame: true });
    expect(own).toBe(from);
    await expectStayHeld([from]);
    expect((await rowOf(from))?.owner?.namespace).toBe('leaving');
    await kubectl(['delete', 'namespace', 'leaving', '--wait=false']);
    await kubectl(['wait', '--for=delete', 'namespace/leaving', '--timeout=40s']);
    await eventually(
      async () => {
        expect(await rowOf(from)).toMatchObject({ state: 'active', owner: { uid: target.uid }, generation: 2 });
      },
      { within: 40_000, every: 200 },
    );
    expect(await actionsOn(from)).toEqual(['allocate', 'bind', 'transfer']);
    expect(await eventsAt('same')).not.toContain('AddressConflict');
    await kubectl(['delete', 'vm/same', 'vmi/same', '-n', 'target', '--ignore-not-found']);
    await untilState([from], 'released');
  });

  test('an instance that shows the address of a machine without a migration with it causes a conflict', async () => {
    const victim = await create(machine('victim', { nics }));
    const [address = ''] = await macsOf('victim');
    const shown = [{ name: 'blue', bridge: {}, macAddress: '02:00:00:00:00:01' }];
    await create(instance(undefined, 'strange', shown, [address]), 'target');
    await eventually(
      async () => {
        expect(await eventsAt('strange')).toContain('AddressConflict');
      },
      { within: 30_000, every: 200 },
    );
    expect(await rowOf(address)).toMatchObject({ state: 'active', owner: { uid: victim.uid } });
  });
});

describe('an instance that only shows an address does not keep it from release when its owner ends:', () => {
  async function showInstance(name: string, address: string, macAddress: string): Promise<void> {
    const shown = [{ name: 'blue', bridge: {}, macAddress }];
    await create(instance(undefined, name, shown, [address]), 'target');
    await eventually(
      async () => {
        expect((await rowOf(address))?.observed).toBe(true);
      },
      { within: 30_000, every: 200 },
    );
  }

  test('a pod', async () => {
    const networks = { 'k8s.v1.cni.cncf.io/networks': JSON.stringify([{ name: 'blue' }]) };
    const spec = { containers: [{ name: 'main', image: 'example.invalid/none' }] };
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'shown', annotations: networks }, spec };
    await create(pod);
    const annotation = await kubectl(['get', 'pod', 'shown', '-n', TEAM, '-o', 'jsonpath={.metadata.annotations}']);
    const [address = ''] = /a4:58:0f:05:..:../.exec(annotation) ?? [];
    await untilState([address], 'active');
    await showInstance('stranger', address, '02:00:00:00:00:02');
    await kubectl(['delete', 'pod', 'shown', '-n', TEAM, '--wait=false']);
    await untilState([address], 'released');
  });

  test('a machine', async () => {
    await create(machine('ending', { nics: [{ name: 'blue', bridge: {} }] }));
    const [address = ''] = await macsOf('ending');
    await untilState([address], 'active');
    await showInstance('another-stranger', address, '02:00:00:00:00:03');
    await kubectl(['delete', 'vm', 'ending', '-n', TEAM]);
    await untilState([address], 'released');
  });
});

test('a clone of a machine with a claim gets an address of its own, and the claim stays with its source', async () => {
  await kubectl(['create', '-n', TEAM, '-f', '-'], JSON.parse(aClaim('gate', { pool: 'kubernetes' })) as object);
  await eventually(async () => {
    const ready = '{.status.conditions[?(@.type=="Ready")].status}';
    expect(await kubectl(['get', 'macallocation', 'gate', '-n', TEAM, '-o', `jsonpath=${ready}`])).toBe('True');
  });
  const annotations = { 'mac.rock-os.io/allocation': 'gate' };
  const nics = [{ name: 'blue', bridge: {} }];
  await create(machine('source', { nics, annotations }));
  const [held = ''] = await macsOf('source');
  const restored = { ...annotations, 'restore.kubevirt.io/lastRestoreUID': 'clone-of-source' };
  await create(machine('clone', { nics, annotations: restored, spec: { runStrategy: 'Halted' } }));
  const [own = ''] = await macsOf('clone');
  expect(own).toMatch(OURS);
  expect(own).not.toBe(held);
  const left = await kubectl(['get', 'vm', 'clone', '-n', TEAM, '-o', 'jsonpath={.metadata.annotations}']);
  expect(left).not.toContain('allocation');
  expect(await rowOf(held)).toMatchObject({ owner: { name: 'gate' }, consumer: { name: 'source' } });
});
