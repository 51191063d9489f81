import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { listAddresses } from '../../ledger/address/find.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, aPod, installedEnvOfThisFile, untilReason } from './installed-env.ts';

/*
 * Tests what happens if another admission plugin changes an object after the webhook. The API server then sends the object
 * again. Two MutatingAdmissionPolicies play that plugin: they run before the webhooks, and once more after a change of one.
 */

const installed = installedEnvOfThisFile();
const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
const ADDRESSES = 'mac.rock-os.io/addresses';

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input });
}

/** Returns a policy that sets an annotation of objects with a label, each time the API server calls it. */
function mutatingPolicy(name: string, label: string, annotation: string, value: string): string {
  const patch = `Object{metadata: Object.metadata{annotations: {"${annotation}": ${value}}}}`;
  const rule = (apiGroups: string[], apiVersions: string[], resources: string[]) => ({
    apiGroups,
    apiVersions,
    operations: ['CREATE'],
    resources,
  });
  const policy = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicy',
    metadata: { name },
    spec: {
      matchConstraints: {
        resourceRules: [rule([''], ['v1'], ['pods']), rule(['kubevirt.io'], ['v1'], ['virtualmachines'])],
      },
      matchConditions: [{ name: 'labelled', expression: `object.metadata.?labels['${label}'].orValue('') == 'on'` }],
      failurePolicy: 'Fail',
      reinvocationPolicy: 'IfNeeded',
      mutations: [{ patchType: 'ApplyConfiguration', applyConfiguration: { expression: patch } }],
    },
  };
  const binding = {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingAdmissionPolicyBinding',
    metadata: { name },
    spec: { policyName: name },
  };
  return `${JSON.stringify(policy)}\n---\n${JSON.stringify(binding)}`;
}

/** `REPLACES` drops the addresses from the networks; `FOLLOWS` changes something else after each change of the webhook. */
const REPLACES = 'replaces-networks';
const FOLLOWS = 'follows-changes';

const stored = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    annotations: z.record(z.string(), z.string()).default({}),
  }),
});
type Stored = z.infer<typeof stored>;

interface Options {
  readonly label?: string;
  readonly networks?: string;
  readonly annotations?: Record<string, string>;
  readonly name?: string | undefined;
}

async function createPod({ label = FOLLOWS, name, ...options }: Options): Promise<Stored> {
  const pod = JSON.parse(aPod(name ?? 'x', options)) as { metadata: Record<string, unknown> };
  pod.metadata['labels'] = { [label]: 'on' };
  if (name === undefined) {
    delete pod.metadata['name'];
    pod.metadata['generateName'] = 'nameless-';
  }
  return stored.parse(JSON.parse(await kubectl(['create', '-o', 'json', '-f', '-'], JSON.stringify(pod))));
}

interface Machine extends Stored {
  readonly macs: readonly (string | undefined)[];
}

async function createMachine(
  name: string | undefined,
  mac?: string,
  extra: Record<string, string> = {},
): Promise<Machine> {
  const metadata = {
    ...(name === undefined ? { generateName: 'nameless-' } : { name }),
    labels: { [FOLLOWS]: 'on' },
    annotations: { 'mac.rock-os.io/inject': 'true', ...extra },
  };
  const devices = { interfaces: [{ name: 'blue', bridge: {}, ...(mac !== undefined && { macAddress: mac }) }] };
  const spec = {
    runStrategy: 'Halted',
    template: { spec: { domain: { devices }, networks: [{ name: 'blue', multus: { networkName: 'blue' } }] } },
  };
  const machine = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', metadata, spec };
  const text = await kubectl(['create', '-o', 'json', '-f', '-'], JSON.stringify(machine));
  const created = JSON.parse(text) as { spec: typeof spec };
  const found = created.spec.template.spec.domain.devices.interfaces as readonly { macAddress?: string }[];
  return { ...stored.parse(created), macs: found.map(({ macAddress }) => macAddress) };
}

/** Returns the addresses in the networks, and those that the webhook reports. */
function macsOf({ metadata: { annotations } }: Stored) {
  const read = (key: string) => (JSON.parse(annotations[key] ?? '[]') as { mac?: string }[]).map(({ mac }) => mac);
  return { used: read(NETWORKS), reported: read(ADDRESSES) };
}

/** Returns every address that the ledger does not count as free. */
async function held(): Promise<readonly string[]> {
  const rows = await listAddresses(installed().ledger, { states: ['pending', 'active'] });
  return rows.map(({ mac }) => mac);
}

async function reviews(): Promise<number> {
  return (await installed().installation.webhooks[0]?.metric('rockmac_admission_reviews_total')) ?? 0;
}

beforeAll(async () => {
  await installForeignCrds(installed().plane.kubectl);
  const seen = `object.metadata.?annotations['${ADDRESSES}'].orValue('') + (object.kind == 'Pod' ? '' : string(dyn(object).spec.template.spec.domain.devices.interfaces.exists(i, has(i.macAddress))))`;
  await kubectl(['create', '-f', '-'], mutatingPolicy(REPLACES, REPLACES, NETWORKS, '"red"'));
  await kubectl(['create', '-f', '-'], mutatingPolicy(FOLLOWS, FOLLOWS, 'example.com/seen', seen));
  // The API server reads the policies a moment later.
  await eventually(
    async () => {
      const before = await reviews();
      await createPod({ networks: 'blue' });
      await createMachine(undefined);
      expect(await reviews()).toBe(before + 4);
    },
    { within: 30_000, every: 500 },
  );
});

describe('a pod whose networks another plugin replaces after the webhook', () => {
  test('has the reported address in its networks, and no other', async () => {
    const before = await held();
    const pod = await createPod({ label: REPLACES, name: 'meshed', networks: 'blue' });
    const { used, reported } = macsOf(pod);
    expect(used).toEqual([expect.stringMatching(/^a4:58:0f:05:/)]);
    expect(reported).toEqual(used);
    const added = (await held()).filter((mac) => !before.includes(mac));
    expect(added).toEqual(used);
  });

  test('has the reported address in its networks without a name too', async () => {
    const { used, reported } = macsOf(await createPod({ label: REPLACES, networks: 'blue' }));
    expect(used).toEqual([expect.stringMatching(/^a4:58:0f:05:/)]);
    expect(reported).toEqual(used);
  });

  test('cannot share the only address of a pool with another pod', async () => {
    const spec = { first: 'a4:58:0f:21:00:00', last: 'a4:58:0f:21:00:00', reuseDelay: '1m' };
    const pool = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool', metadata: { name: 'one' }, spec };
    await kubectl(['create', '-f', '-'], JSON.stringify(pool));
    await kubectl(['wait', '--for=condition=Ready', 'macpool/one', '--timeout=20s']);
    await kubectl(['annotate', 'namespace', 'default', 'mac.rock-os.io/pool=one']);
    try {
      const first = await eventually(
        async () => {
          const pod = await createPod({ label: REPLACES, name: 'first', networks: 'blue' });
          return macsOf(pod);
        },
        { within: 20_000 },
      );
      expect(first).toEqual({ used: ['a4:58:0f:21:00:00'], reported: ['a4:58:0f:21:00:00'] });
      await expect(createPod({ name: 'second', networks: 'blue' })).rejects.toThrow(/one has no free address/);
    } finally {
      await kubectl(['annotate', 'namespace', 'default', 'mac.rock-os.io/pool-']);
    }
  });
});

describe('an object that another plugin changes after the webhook', () => {
  test('keeps the one address that it got, if it has a name', async () => {
    const before = await held();
    const { used, reported } = macsOf(await createPod({ name: 'named', networks: 'blue' }));
    expect(reported).toEqual(used);
    expect((await held()).filter((mac) => !before.includes(mac))).toEqual(used);
  });

  test('keeps the address that its author wrote', async () => {
    const pod = await createPod({ name: 'chooser', networks: '[{"name":"blue","mac":"a4:58:0f:05:99:01"}]' });
    expect(macsOf(pod)).toEqual({ used: ['a4:58:0f:05:99:01'], reported: ['a4:58:0f:05:99:01'] });
  });

  test('keeps the address of the claim that it uses, whether it names the claim or the address', async () => {
    const { plane } = installed();
    await kubectl(['create', '-f', '-'], aClaim('mine', { pool: 'kubernetes' }));
    const mac = (await untilReason(plane, 'mine', 'Allocated')).status?.mac ?? '';
    const naming = { annotations: { 'mac.rock-os.io/allocation': 'mine' }, networks: 'blue' };
    expect(macsOf(await createPod({ name: 'names-it', ...naming })).used).toEqual([mac]);
    await kubectl(['create', '-f', '-'], aClaim('another', { pool: 'kubernetes' }));
    const other = (await untilReason(plane, 'another', 'Allocated')).status?.mac ?? '';
    const writing = { networks: `[{"name":"blue","mac":"${other}"}]` };
    expect(macsOf(await createPod({ name: 'writes-it', ...writing })).used).toEqual([other]);
  });

  test('keeps the address of its claim without a name, and a copy of it does not get that address', async () => {
    const { plane } = installed();
    await kubectl(['create', '-f', '-'], aClaim('nameless', { pool: 'kubernetes' }));
    const mac = (await untilReason(plane, 'nameless', 'Allocated')).status?.mac ?? '';
    const pod = await createPod({ annotations: { 'mac.rock-os.io/allocation': 'nameless' }, networks: 'blue' });
    expect(macsOf(pod)).toEqual({ used: [mac], reported: [mac] });
    const { annotations } = pod.metadata;
    await expect(createPod({ annotations, networks: annotations[NETWORKS] ?? '' })).rejects.toThrow(/in use/);
  });

  test('keeps its only address without a name', async () => {
    const before = await held();
    const { used, reported } = macsOf(await createPod({ networks: 'blue' }));
    expect(reported).toEqual(used);
    expect((await held()).filter((mac) => !before.includes(mac))).toEqual(used);
  });

  test('keeps the one address of its name, also when it is made again', async () => {
    const annotations = { 'mac.rock-os.io/sticky': 'true' };
    const before = await held();
    const { used, reported } = macsOf(await createPod({ name: 'sticky', networks: 'blue', annotations }));
    expect(reported).toEqual(used);
    const { macs } = await createMachine('sticky', undefined, annotations);
    expect(macs).toEqual([expect.stringMatching(/^a4:58:0f:05:/)]);
    const kept = [...used, ...macs].toSorted();
    const added = async () => (await held()).filter((mac) => !before.includes(mac)).toSorted();
    expect(await added()).toEqual(kept);
    await kubectl(['delete', 'pod/sticky', 'vm/sticky', '--grace-period=0', '--force']);
    expect(macsOf(await createPod({ name: 'sticky', networks: 'blue', annotations })).used).toEqual(used);
    expect((await createMachine('sticky', undefined, annotations)).macs).toEqual(macs);
    expect(await added()).toEqual(kept);
  });

  test('keeps its address as a VM, with a name or without', async () => {
    const before = await held();
    const { macs } = await createMachine('named');
    expect(macs).toEqual([expect.stringMatching(/^a4:58:0f:05:/)]);
    expect((await held()).filter((mac) => !before.includes(mac))).toEqual(macs);
    expect((await createMachine('chooser', 'A4-58-0F-05-99-02')).macs).toEqual(['A4-58-0F-05-99-02']);
    const heldByNamed = await held();
    const nameless = await createMachine(undefined);
    expect(nameless.macs).toEqual([expect.stringMatching(/^a4:58:0f:05:/)]);
    expect((await held()).filter((mac) => !heldByNamed.includes(mac))).toEqual(nameless.macs);
  });

  test('owns each address alone', async () => {
    const pods = z
      .object({ items: z.array(stored) })
      .parse(JSON.parse(await kubectl(['get', 'pods,vm', '-o', 'json'])));
    const used = pods.items.flatMap((each) => [
      ...macsOf(each).used,
      ...(JSON.stringify(each['spec']).match(/(?<="macAddress":")[^"]+/g) ?? []),
    ]);
    const canonical = used.map((mac) => mac?.toLowerCase().replaceAll('-', ':'));
    expect(new Set(canonical).size).toBe(canonical.length);
  });
});
