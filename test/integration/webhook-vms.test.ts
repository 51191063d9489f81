import { readdirSync } from 'node:fs';
import path from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { type ObjectMeta, objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { findByMac, listAddresses } from '../../ledger/address/find.ts';
import { observationsOfMac } from '../../ledger/observation/observations.ts';
import { mac } from '../../mac/mac-address.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, installedEnvOfThisFile } from './installed-env.ts';

/*
 * KubeVirt itself cannot run here. The writes of its controllers are scripted: the same verbs on the same fields of kinds
 * with the same shape.
 */

const installed = installedEnvOfThisFile();
const NAMESPACE = 'machines';
const OURS = /^a4:58:0f:05:/;

const nicSchema = z.looseObject({ name: z.string(), macAddress: z.string().optional() });
const instanceSpec = z.looseObject({
  domain: z.looseObject({ devices: z.looseObject({ interfaces: z.array(nicSchema).default([]) }) }),
});
const machineSchema = z.looseObject({
  metadata: objectMeta,
  spec: z.looseObject({ template: z.looseObject({ spec: instanceSpec }) }),
});
const instanceSchema = z.looseObject({ metadata: objectMeta, spec: instanceSpec });
type Machine = z.infer<typeof machineSchema>;
type Nic = z.infer<typeof nicSchema>;

const base = { group: 'kubevirt.io', version: 'v1', namespaced: true } as const;
const machines: Resource<Machine> = {
  ...base,
  plural: 'virtualmachines',
  kind: 'VirtualMachine',
  schema: machineSchema,
};
const instances: Resource<z.infer<typeof instanceSchema>> = {
  ...base,
  plural: 'virtualmachineinstances',
  kind: 'VirtualMachineInstance',
  schema: instanceSchema,
};

let client: KubeClient;

beforeAll(async () => {
  const { plane } = installed();
  await installForeignCrds(plane.kubectl);
  await plane.kubectl(['create', 'namespace', NAMESPACE]);
  await plane.kubectl(['label', 'namespace', NAMESPACE, 'mac.rock-os.io/inject=enabled']);
  client = createKubeClient({ userAgent: 'test', kubeconfig: plane.kubeconfig, logger: pino({ enabled: false }) });
  await eventually(() => client.create(machines, aMachine('early', ['blue']), { namespace: NAMESPACE, dryRun: true }));
});

afterAll(() => client.close());

function specOf(nics: readonly (string | Nic)[]) {
  const interfaces = nics.map((nic) => (typeof nic === 'string' ? { name: nic, bridge: {} } : nic));
  return {
    domain: { devices: { interfaces } },
    networks: interfaces.map(({ name }) => ({ name, multus: { networkName: name } })),
  };
}

function aMachine(name: string, nics: readonly (string | Nic)[], rest: { run?: object; metadata?: object } = {}) {
  const { run = { running: true }, metadata = {} } = rest;
  return { metadata: { name, ...metadata }, spec: { ...run, template: { spec: specOf(nics) } } } satisfies NewObject;
}

async function create(name: string, nics: readonly (string | Nic)[], rest: Parameters<typeof aMachine>[2] = {}) {
  return macsOf(await client.create(machines, aMachine(name, nics, rest), { namespace: NAMESPACE }));
}

async function get(name: string): Promise<Machine> {
  return await client.get(machines, { namespace: NAMESPACE, name });
}

function macsOf({ spec }: Machine): Record<string, string | undefined> {
  return nicsAndMacs(spec.template.spec.domain.devices.interfaces);
}

function nicsAndMacs(nics: readonly Nic[]): Record<string, string | undefined> {
  return Object.fromEntries(nics.map(({ name, macAddress }) => [name, macAddress]));
}

/** Replaces only the interfaces, like a user with an editor. */
async function setNics(name: string, nics: readonly (string | Nic)[], extra: object = {}, dryRun = false) {
  const body = { spec: { ...extra, template: { spec: specOf(nics) } } };
  return macsOf(await client.patch(machines, { namespace: NAMESPACE, name }, { type: 'merge', body }, { dryRun }));
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

/** Returns the warnings for a machine from a dry run. */
async function warningsOf(machine: object): Promise<string[]> {
  const manifest = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', ...machine };
  const flags = ['--dry-run=server', '--warnings-as-errors'];
  const created = installed().plane.kubectl(['create', '-n', NAMESPACE, '-f', '-', ...flags], {
    input: JSON.stringify(manifest),
  });
  return (await refusalOf(created)).match(/rock-mac: [^\n]*/g) ?? [];
}

async function untilState(address: string | undefined, state: string) {
  return await eventually(
    async () => {
      const row = await findByMac(installed().ledger, mac(address ?? ''));
      expect(row?.state).toBe(state);
      return row;
    },
    { within: 30_000, every: 200 },
  );
}

async function refusalOf(work: Promise<unknown>): Promise<string> {
  return await work.then(
    () => '',
    (error: unknown) => String(error),
  );
}

describe('a virtual machine', () => {
  test('has its addresses in its stored spec, and owns them in the ledger', async () => {
    const { blue, red } = await create('web', ['blue', { name: 'red', sriov: {} }]);
    expect(blue).toMatch(OURS);
    expect(red).toMatch(OURS);
    expect(blue).not.toBe(red);
    expect((await untilState(blue, 'active'))?.owner).toMatchObject({
      kind: 'VirtualMachine',
      name: 'web',
      nic: 'blue',
    });
  });

  test.each([
    ['masquerade', 'the network of its pod', { pod: {} }, true],
    ['bridge', 'the network of its pod', { pod: {} }, false],
    ['passt', 'the network of its pod', { pod: {} }, false],
    ['masquerade', 'a network of Multus in the place of that', { multus: { networkName: 'n', default: true } }, true],
    ['bridge', 'a network of Multus in the place of that', { multus: { networkName: 'n', default: true } }, false],
    ['bridge', 'a network of Multus', { multus: { networkName: 'n' } }, true],
    ['sriov', 'a network of Multus', { multus: { networkName: 'n' } }, true],
    ['passt', 'a network of Multus', { multus: { networkName: 'n' } }, true],
  ])('with %s on %s gets an address only if KubeVirt passes it on', async (binding, where, network, gets) => {
    const name = `${binding}-${where.replaceAll(/[^a-z]+/gi, '-').toLowerCase()}`;
    const domain = { devices: { interfaces: [{ name: 'only', [binding]: {} }] } };
    const spec = { running: true, template: { spec: { domain, networks: [{ name: 'only', ...network }] } } };
    const { only } = macsOf(await client.create(machines, { metadata: { name }, spec }, { namespace: NAMESPACE }));
    if (gets) expect(only).toMatch(OURS);
    else expect(only).toBeUndefined();
    const warnings = await warningsOf({ metadata: { name: `${name}-again` }, spec });
    expect(warnings.filter((each) => !each.includes('dry run') && !each.includes('does not exist yet'))).toEqual(
      gets ? [] : ['rock-mac: interface only got no address: KubeVirt passes no address on there'],
    );
  });

  test('without interfaces gets only a warning that KubeVirt adds one, unless KubeVirt adds none', async () => {
    const spec = { running: true, template: { spec: { domain: { devices: {} } } } };
    const made = await client.create(machines, { metadata: { name: 'bare' }, spec }, { namespace: NAMESPACE });
    expect(macsOf(made)).toEqual({});
    expect(await warningsOf({ metadata: { name: 'bare-again' }, spec })).toEqual([
      'rock-mac: this machine names no interface; the interface that KubeVirt adds gets no address of rock-mac',
    ]);
    const none = { running: true, template: { spec: { domain: { devices: { autoattachPodInterface: false } } } } };
    expect(await warningsOf({ metadata: { name: 'none' }, spec: none })).toEqual([]);
  });

  test.each([
    ['malformed', ['zz'], 422, /is not a MAC address/],
    ['multicast', ['01:00:5e:00:00:01'], 422, /a multicast address/],
    ['broadcast', ['ff-ff-ff-ff-ff-ff'], 422, /the broadcast address/],
    ['all zero', ['00:00:00:00:00:00'], 422, /all zero/],
    ['in no pool', ['a4:58:0f:77:00:00'], 422, /nor in any other/],
    [
      'in a pool that its namespace may not use',
      ['a4:58:0f:00:00:09'],
      403,
      /in pool production, but namespace machines/,
    ],
    ['on two of its interfaces', ['a4:58:0f:05:88:02', 'A4-58-0F-05-88-02'], 422, /on two interfaces/],
  ])(
    'is refused with an address that is %s, whether the machine is new or stored',
    async (what, addresses, status, message) => {
      const nics = addresses.map((macAddress, index) => ({ name: `n${String(index)}`, bridge: {}, macAddress }));
      const refused = { status, message: expect.stringMatching(message) as string };
      await expect(create('refused', nics)).rejects.toMatchObject(refused);
      const stored = `kept-${what.replaceAll(' ', '-')}`;
      await create(stored, ['n0']);
      await expect(setNics(stored, nics)).rejects.toMatchObject(refused);
    },
  );

  test('keeps an address of any prefix in the notation of its author', async () => {
    const nics = [
      { name: 'foreign', bridge: {}, macAddress: '02-AA-00-00-00-01' },
      { name: 'ours', bridge: {}, macAddress: 'A4-58-0F-05-88-03' },
    ];
    expect(await create('author', nics)).toEqual({ foreign: '02-AA-00-00-00-01', ours: 'A4-58-0F-05-88-03' });
    expect((await untilState('a4:58:0f:05:88:03', 'active'))?.owner).toMatchObject({ name: 'author', nic: 'ours' });
  });

  test.each([
    ['by the client', []],
    ['by the server', ['--server-side']],
  ])('keeps its addresses when its manifest is applied again %s, without the ledger', async (_, flags) => {
    const name = `applied-${String(flags.length)}`;
    const apply = async (head: string) => {
      const manifest = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', ...aMachine(name, ['blue']) };
      const text = JSON.stringify({ ...manifest, spec: { ...manifest.spec, head } });
      await installed().plane.kubectl(['apply', '-n', NAMESPACE, ...flags, '-f', '-'], { input: text });
      return macsOf(await get(name));
    };
    const before = await apply('1Gi');
    expect(before['blue']).toMatch(OURS);
    await whileLedgerIsAway(async () => {
      expect(await apply('2Gi')).toEqual(before);
    });
  });

  test('shows no difference in a server-side dry run, as Flux makes one', async () => {
    const { kubectl } = installed().plane;
    const manifest = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', ...aMachine('compared', ['blue', 'red']) };
    const flags = ['-n', NAMESPACE, '-f', '-', '--server-side', '--force-conflicts'];
    const input = JSON.stringify(manifest);
    await kubectl(['apply', ...flags], { input });
    // Exits with 1 if something differs.
    expect(await kubectl(['diff', ...flags], { input })).toBe('');
  });

  test('keeps its addresses when its VirtualMachinePool overwrites its spec, labels and annotations', async () => {
    const pooled = { metadata: { annotations: { 'mac.rock-os.io/inject': 'true', old: 'x' } } };
    const before = await create('pool-0', ['blue', 'red'], pooled);
    const stored = await get('pool-0');
    const { resourceVersion } = stored.metadata;
    await whileLedgerIsAway(async () => {
      const overwritten = { ...stored, ...aMachine('pool-0', ['blue', 'red']) };
      const metadata = { name: 'pool-0', namespace: NAMESPACE, resourceVersion, annotations: { new: 'y' } };
      const replaced = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', ...overwritten, metadata };
      await installed().plane.kubectl(['replace', '-f', '-'], { input: JSON.stringify(replaced) });
    });
    expect(macsOf(await get('pool-0'))).toEqual(before);
  });

  test('gets an address for a hotplugged interface, and unplugging releases it', async () => {
    const before = await create('hot', ['blue']);
    const tried = await setNics('hot', ['blue', 'red'], {}, true);
    expect(tried).toEqual({ blue: before['blue'], red: undefined });
    const after = await setNics('hot', ['blue', 'red']);
    expect(after['blue']).toBe(before['blue']);
    expect(after['red']).toMatch(OURS);
    await untilState(after['red'], 'active');
    // Its owner marks the interface. virt-controller takes it off when the guest has let go of it.
    const marked = await setNics('hot', ['blue', { name: 'red', bridge: {}, state: 'absent' }]);
    expect(marked).toEqual(after);
    expect(await setNics('hot', ['blue'])).toEqual(before);
    await untilState(after['red'], 'released');
    await untilState(before['blue'], 'active');
  });

  test('may get another address from a user while it runs, if no other object holds it', async () => {
    await create('changed', ['blue']);
    const other = await create('other', ['blue']);
    const free = 'a4:58:0f:05:88:01';
    expect(await setNics('changed', [{ name: 'blue', bridge: {}, macAddress: free }])).toEqual({ blue: free });
    expect((await untilState(free, 'active'))?.owner).toMatchObject({ name: 'changed' });
    const taken = setNics('changed', [{ name: 'blue', bridge: {}, macAddress: other['blue'] }]);
    expect(await refusalOf(taken)).toMatch(/held by another owner/);
  });

  test('may exchange the addresses of its interfaces and rename one without a conflict', async () => {
    const { plane, ledger } = installed();
    const before = await create('swap', ['blue', 'red']);
    for (const address of Object.values(before)) await untilState(address, 'active');
    const swapped = [
      { name: 'blue', bridge: {}, macAddress: before['red'] },
      { name: 'green', bridge: {}, macAddress: before['blue'] },
    ];
    expect(await setNics('swap', swapped)).toEqual({ blue: before['red'], green: before['blue'] });
    const { uid } = (await get('swap')).metadata;
    const mirrors = ['macallocations', '-n', NAMESPACE, '-l', `mac.rock-os.io/consumer-uid=${uid}`];
    const shown = async () => {
      const text = await plane.kubectl(['get', ...mirrors, '-o', 'jsonpath={.items[*].spec.mac}']);
      return text.split(' ').sort();
    };
    // The deletion of a mirror shows that the operator has reconciled the current machine.
    await plane.kubectl(['delete', ...mirrors, '--wait=false']);
    await eventually(async () => {
      expect(await shown()).toEqual(Object.values(before).sort());
    });
    const events = await plane.kubectl(['get', 'events', '-n', NAMESPACE, '-o', 'jsonpath={.items[*].reason}']);
    expect(events).not.toContain('AddressConflict');
    const rows = await Promise.all(Object.values(before).map((each) => findByMac(ledger, mac(each ?? ''))));
    expect(rows.map((row) => row?.owner?.name)).toEqual(['swap', 'swap']);
    await client.delete(machines, { namespace: NAMESPACE, name: 'swap' });
    for (const address of Object.values(before)) await untilState(address, 'released');
  });

  test('that was stored before its namespace opted in gets addresses when it is started, not while it runs', async () => {
    const { plane } = installed();
    await plane.kubectl(['create', 'namespace', 'late']);
    await client.create(machines, aMachine('runs', ['blue']), { namespace: 'late' });
    await client.create(machines, aMachine('off', ['blue'], { run: { runStrategy: 'Halted' } }), { namespace: 'late' });
    await plane.kubectl(['label', 'namespace', 'late', 'mac.rock-os.io/inject=enabled']);
    const patch = async (name: string, spec: object, dryRun = false) =>
      macsOf(await client.patch(machines, { namespace: 'late', name }, { type: 'merge', body: { spec } }, { dryRun }));
    const plugged = { template: { spec: specOf(['blue', 'red']) } };
    const running = await patch('runs', plugged);
    expect(running['blue']).toBeUndefined();
    expect(running['red']).toMatch(OURS);
    expect(await patch('off', { runStrategy: 'Always' }, true)).toEqual({ blue: undefined });
    expect((await patch('off', { runStrategy: 'Always' }))['blue']).toMatch(OURS);
  });

  test('that is cloned gets addresses of its own', async () => {
    const source = await create('source', ['blue'], { metadata: { annotations: { 'mac.rock-os.io/lease': 'x' } } });
    const restored = { 'restore.kubevirt.io/lastRestoreUID': 'clone-of-source' };
    // KubeVirt leaves the field out where it cleared the address.
    const target = await create('clone', ['blue'], {
      run: { runStrategy: 'Halted' },
      metadata: { annotations: { 'mac.rock-os.io/lease': 'x', ...restored } },
    });
    expect(target['blue']).toMatch(OURS);
    expect(target['blue']).not.toBe(source['blue']);
    expect((await get('clone')).metadata.annotations).toEqual(restored);
  });

  test('gets the last address of an interface back that it lost, also when it was deleted in between', async () => {
    const before = await create('unplugged', ['blue', 'red']);
    await untilState(before['red'], 'active');
    await setNics('unplugged', ['blue']);
    await untilState(before['red'], 'released');
    const other = await create('unplugged-2', ['red']);
    expect(other['red']).not.toBe(before['red']);
    expect(await setNics('unplugged', ['blue', 'red'])).toEqual(before);
    await untilState(before['red'], 'active');
    await client.delete(machines, { namespace: NAMESPACE, name: 'unplugged' });
    for (const address of Object.values(before)) await untilState(address, 'released');
    expect(await create('unplugged', ['red', 'blue'])).toEqual(before);
  });

  test('that is restored gets its addresses again under its name, and under another name only when nobody holds them', async () => {
    const nics = (address: string | undefined) => [{ name: 'blue', bridge: {}, macAddress: address }];
    const before = await create('snap', ['blue']);
    await untilState(before['blue'], 'active');
    await setNics('snap', ['green']);
    await untilState(before['blue'], 'released');
    expect(await setNics('snap', nics(before['blue']))).toEqual(before);
    expect(await refusalOf(create('restored', nics(before['blue'])))).toMatch(/held by another owner/);
    await client.delete(machines, { namespace: NAMESPACE, name: 'snap' });
    await untilState(before['blue'], 'released');
    expect(await create('snap', nics(before['blue']))).toEqual(before);
    await untilState(before['blue'], 'active');
    await client.delete(machines, { namespace: NAMESPACE, name: 'snap' });
    await untilState(before['blue'], 'released');
    // Its namespace released it, so the reuse delay does not hold it.
    expect(await create('restored', nics(before['blue']))).toEqual(before);
  });

  test('that is restored in another namespace past the webhook only shows the address, and its last owner gets it back', async () => {
    const { plane, ledger } = installed();
    const nics = (address: string | undefined) => [{ name: 'blue', bridge: {}, macAddress: address }];
    const before = await create('moved', ['blue']);
    await untilState(before['blue'], 'active');
    await client.delete(machines, { namespace: NAMESPACE, name: 'moved' });
    await untilState(before['blue'], 'released');
    for (const name of ['restored', 'restored-by-bob']) await plane.kubectl(['create', 'namespace', name]);
    const past = aMachine('moved', nics(before['blue']), {
      metadata: { annotations: { 'mac.rock-os.io/inject': 'false' } },
    });
    const role = ['create', 'rolebinding', 'bob', '--clusterrole=machines', '--user=bob', '-n', 'restored-by-bob'];
    await plane.kubectl(['create', 'clusterrole', 'machines', '--verb=*', '--resource=virtualmachines.kubevirt.io']);
    await plane.kubectl(role);
    const kubeconfig = await plane.userKubeconfig('bob', []);
    const manifest = JSON.stringify({ apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', ...past });
    const bobs = ['--kubeconfig', kubeconfig, 'create', '-n', 'restored-by-bob', '-f', '-'];
    await eventually(
      async () => {
        expect(await refusalOf(plane.kubectl(bobs, { input: manifest }))).toMatch(
          /User "bob" may not use MacPool "kubernetes"/,
        );
      },
      { within: 20_000, every: 200 },
    );

    await client.create(machines, past, { namespace: 'restored' });
    await eventually(
      async () => {
        const observations = await observationsOfMac(ledger, mac(before['blue'] ?? ''));
        expect(observations).toMatchObject([{ object: { kind: 'VirtualMachine', namespace: 'restored' } }]);
      },
      { within: 30_000, every: 200 },
    );
    expect(await findByMac(ledger, mac(before['blue'] ?? ''))).toMatchObject({
      state: 'released',
      owner: { namespace: NAMESPACE, name: 'moved' },
    });
    expect(await create('moved', nics(before['blue']))).toEqual(before);
    const row = await untilState(before['blue'], 'active');
    expect(row?.owner).toMatchObject({ namespace: NAMESPACE, name: 'moved' });
    for (const namespace of [NAMESPACE, 'restored']) await client.delete(machines, { namespace, name: 'moved' });
  });

  test('may use a claim, whose address outlives it, and no other machine can use the claim meanwhile', async () => {
    const { plane, ledger } = installed();
    const claim = aClaim('fixed', { pool: 'production' });
    await plane.kubectl(['create', '-n', NAMESPACE, '-f', '-'], { input: claim });
    const uses = { metadata: { annotations: { 'mac.rock-os.io/allocation': 'fixed' } } };
    const made = await eventually(() => create('tenant', ['blue'], uses), { within: 20_000, every: 200 });
    expect(made['blue']).toMatch(/^a4:58:0f:00:/);
    const row = await findByMac(ledger, mac(made['blue'] ?? ''));
    expect(row).toMatchObject({
      owner: { kind: 'MacAllocation', name: 'fixed' },
      consumer: { kind: 'VirtualMachine', name: 'tenant' },
    });
    expect(await refusalOf(create('rival', ['blue'], uses))).toMatch(/claim fixed is in use by another object/);
    const consumer = async () => (await findByMac(ledger, mac(made['blue'] ?? '')))?.consumer;
    await eventually(
      async () => {
        expect((await consumer())?.uid).toBeDefined();
      },
      { within: 40_000 }, // the kinds of KubeVirt may have come just now
    );
    await setNics('tenant', [{ name: 'green', bridge: {}, macAddress: made['blue'] }]);
    await eventually(async () => {
      expect(await consumer()).toMatchObject({ name: 'tenant', nic: 'green' });
    });
    await client.delete(machines, { namespace: NAMESPACE, name: 'tenant' });
    expect(await eventually(() => create('heir', ['blue'], uses), { within: 20_000, every: 200 })).toEqual(made);
  });

  test('leaves no trace after a dry run', async () => {
    const tried = { namespace: NAMESPACE, dryRun: true };
    const { blue } = await get('web').then(macsOf);
    const before = await listAddresses(installed().ledger, { limit: 10_000, namespace: NAMESPACE });
    expect(macsOf(await client.create(machines, aMachine('tried', ['blue']), tried))).toEqual({ blue: undefined });
    await client.create(instances, { metadata: { name: 'tried' }, spec: specOf(['blue']) }, tried);
    // Applied again, with one more interface, stopped and started, restored, and changed by a user.
    expect(await setNics('web', ['blue', 'red'], {}, true)).toMatchObject({ blue });
    expect(await setNics('web', ['blue', 'green'], {}, true)).toEqual({ blue, green: undefined });
    expect(await setNics('web', ['blue'], { running: false }, true)).toEqual({ blue });
    expect(await setNics('web', [{ name: 'blue', bridge: {}, macAddress: blue }], {}, true)).toEqual({ blue });
    const other = 'a4:58:0f:05:88:77';
    expect(await setNics('web', [{ name: 'blue', bridge: {}, macAddress: other }], {}, true)).toEqual({ blue: other });
    const copy = aMachine('copied', ['blue'], {
      metadata: { annotations: { 'restore.kubevirt.io/lastRestoreUID': 'x' } },
    });
    expect(macsOf(await client.create(machines, copy, tried))).toEqual({ blue: undefined });
    const after = await listAddresses(installed().ledger, { limit: 10_000, namespace: NAMESPACE });
    expect(after.map((row) => row.mac)).toEqual(before.map((row) => row.mac));
  });
});

describe('an instance', () => {
  test('of a machine has the addresses of the machine at every start', async () => {
    const { blue } = await create('started', ['blue']);
    const vm = await get('started');
    const owner = {
      apiVersion: 'kubevirt.io/v1',
      kind: 'VirtualMachine',
      name: 'started',
      uid: vm.metadata.uid,
      controller: true,
    };
    for (const start of [1, 2]) {
      const made = await client.create(
        instances,
        { metadata: { name: 'started', ownerReferences: [owner] }, spec: vm.spec.template.spec },
        { namespace: NAMESPACE },
      );
      expect(nicsAndMacs(made.spec.domain.devices.interfaces), `start ${String(start)}`).toEqual({ blue });
      await client.delete(instances, { namespace: NAMESPACE, name: 'started' });
    }
    expect((await untilState(blue, 'active'))?.owner?.kind).toBe('VirtualMachine');
  });

  test.each([
    ['without a machine', { name: 'alone' }],
    ['of a replica set, before it has a name', { generateName: 'many-' }],
  ])('%s gets its own address and owns it', async (_, metadata) => {
    const made = await client.create(instances, { metadata, spec: specOf(['blue']) }, { namespace: NAMESPACE });
    const { blue } = nicsAndMacs(made.spec.domain.devices.interfaces);
    expect(blue).toMatch(OURS);
    expect((await untilState(blue, 'active'))?.owner).toMatchObject({
      kind: 'VirtualMachineInstance',
      name: made.metadata.name,
      uid: made.metadata.uid,
    });
  });
});

describe('every example', () => {
  const folder = path.join(import.meta.dirname, '..', '..', 'deploy', 'examples');
  const shown = z.object({
    items: z.array(z.looseObject({ kind: z.string(), metadata: objectMeta })),
  });

  beforeAll(async () => {
    await installed().plane.kubectl(['apply', '-f', path.join(folder, 'network.yaml')]);
  });

  test.each(readdirSync(folder))('%s can be applied as it is, and its objects get their addresses', async (file) => {
    const { kubectl } = installed().plane;
    const manifest = path.join(folder, file);
    // A pod whose claim is in the same file is refused until the claim is ready.
    await eventually(() => kubectl(['apply', '-f', manifest]), { within: 20_000, every: 300 });
    const objects = await kubectl(['get', '-o', 'json', '-f', manifest, '-f', path.join(folder, 'network.yaml')]);
    for (const object of shown.parse(JSON.parse(objects)).items) {
      const addresses = object.metadata.annotations?.['mac.rock-os.io/addresses'];
      if (object.kind === 'Pod') expect(addresses).toMatch(/a4:58:0f:0[05]:/);
      if (object.kind === 'VirtualMachine') {
        const macs = Object.values(macsOf(machineSchema.parse(object)));
        expect(macs).toEqual([expect.stringMatching(OURS), expect.stringMatching(OURS)]);
      }
      if (object.kind === 'Deployment') await expectPodsOf(object.metadata);
      if (object.kind === 'StatefulSet') await expectPodWithAddress(`${object.metadata.name}-0`);
    }
  });

  /** The claim may become ready after the first try, so the controller tries again. */
  async function expectPodWithAddress(name: string): Promise<void> {
    const addresses = 'jsonpath={.metadata.annotations.mac\\.rock-os\\.io/addresses}';
    await eventually(
      async () => {
        expect(await installed().plane.kubectl(['get', 'pod', name, '-o', addresses])).toMatch(/a4:58:0f:05:/);
      },
      { within: 30_000, every: 200 },
    );
  }

  async function expectPodsOf({ namespace = '', name }: ObjectMeta): Promise<void> {
    await eventually(
      async () => {
        const { items } = shown.parse(
          JSON.parse(await installed().plane.kubectl(['get', 'pods', '-n', namespace, '-o', 'json'])),
        );
        const pods = items.filter(({ metadata }) => metadata.name.startsWith(`${name}-`));
        expect(pods).toHaveLength(2);
        for (const { metadata } of pods)
          expect(metadata.annotations?.['mac.rock-os.io/addresses']).toMatch(/a4:58:0f:0[02]:/);
      },
      { within: 20_000, every: 200 },
    );
  }
});
