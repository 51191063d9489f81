import { beforeAll, describe, expect, test } from 'vitest';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { readMetric } from '../env/read-metric.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, addressesOf, aPod, installedEnvOfThisFile, shownAllocations, untilReason } from './installed-env.ts';

/*
 * Tests what is said about interfaces that have another address than they were given. Multus, the kubelet and KubeVirt do not run
 * here: the tests write what those report.
 */

const installed = installedEnvOfThisFile();
const STATUS = 'k8s.v1.cni.cncf.io/network-status';
const OTHER = '02:00:00:00:00:09';
const within = { within: 30_000, every: 100 };

async function kubectl(args: readonly string[], input?: object): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input: JSON.stringify(input) });
}

function network(name: string, type: string): object {
  const config = JSON.stringify({ cniVersion: '1.0.0', name, type });
  return {
    apiVersion: 'k8s.cni.cncf.io/v1',
    kind: 'NetworkAttachmentDefinition',
    metadata: { name },
    spec: { config },
  };
}

/** Creates a pod. Returns its addresses, in the order of its networks. */
async function createPod(name: string, networks: string, annotations: Record<string, string> = {}): Promise<string[]> {
  await installed().plane.kubectl(['create', '-f', '-'], { input: aPod(name, { networks, annotations }) });
  return (await addressesOf(installed().plane, name)).map(({ mac }) => mac);
}

/** Writes what Multus reports about a pod. */
async function report(pod: string, macs: Readonly<Record<string, string>>): Promise<void> {
  const status = Object.entries(macs).map(([name, mac]) => ({ name: `default/${name}`, mac }));
  await kubectl(['annotate', 'pod', pod, '--overwrite', `${STATUS}=${JSON.stringify(status)}`]);
}

/** Returns the conditions of the MacAllocation that shows an address. */
async function conditionsOf(address: string): Promise<readonly { readonly type: string }[] | undefined> {
  const found = (await shownAllocations(installed().plane)).find(({ mac }) => mac === address);
  return found === undefined ? undefined : (found.status?.conditions ?? []);
}

async function appliedOf(address: string): Promise<object | undefined> {
  return (await conditionsOf(address))?.find(({ type }) => type === 'Applied');
}

async function eventsOf(name: string): Promise<string> {
  const args = ['get', 'events.events.k8s.io', `--field-selector=regarding.name=${name},reason=AddressNotApplied`];
  return await kubectl([...args, '-o', 'jsonpath={range .items[*]}{.regarding.kind}: {.note}{"\\n"}{end}']);
}

async function notApplied(): Promise<number> {
  const { operators, metricsToken: token } = installed().installation;
  return await readMetric('rockmac_addresses_not_applied', { port: operators[0]?.metricsPort ?? 0, token });
}

const WRONG = { status: 'False', reason: 'PluginIgnoredAddress' };
const RIGHT = { status: 'True', reason: 'Applied' };

beforeAll(async () => {
  await installForeignCrds(installed().plane.kubectl);
  for (const [name, type] of Object.entries({ blue: 'bridge', red: 'no-such-plugin', shared: 'ipvlan' })) {
    await eventually(() => kubectl(['apply', '-f', '-'], network(name, type)), within);
  }
  await eventually(() => createPod('first', 'blue'), within);
});

describe('a pod on several networks', () => {
  test('has an Event and a condition for the interface that has another address, until it has the right one', async () => {
    const [blue = '', red = ''] = await createPod('several', 'blue,red');
    await report('several', { blue, red: OTHER });
    await eventually(async () => {
      expect(await appliedOf(red)).toMatchObject(WRONG);
      expect(await eventsOf('several')).toBe(
        `Pod: Interface default/red#0 has ${OTHER} and not ${red}, which was given to it. The network plugin ignored that. Check what it supports (docs/limits.md), and create the pod again\n`,
      );
    }, within);
    expect(await conditionsOf(blue)).toEqual([]);
    await eventually(async () => {
      expect(await notApplied()).toBe(1);
    }, within);
    await report('several', { blue, red });
    await eventually(async () => {
      expect(await appliedOf(red)).toMatchObject(RIGHT);
      expect(await notApplied()).toBe(0);
    }, within);
  });

  test('is not to blame for a network that takes no addresses, or that reports none', async () => {
    const chosen = 'a4:58:0f:05:42:01';
    const networks = `[{"name":"red"},{"name":"shared","mac":"${chosen}"},{"name":"blue"}]`;
    const [red = '', shared, blue = ''] = await createPod('excused', networks);
    expect(shared).toBe(chosen);
    await report('excused', { red: OTHER, shared: '02:00:00:00:00:0a' });
    await eventually(async () => {
      expect(await appliedOf(red)).toMatchObject(WRONG);
    }, within);
    expect([await conditionsOf(chosen), await conditionsOf(blue)]).toEqual([[], []]);
    await kubectl(['delete', 'pod', 'excused', '--force', '--grace-period=0']);
    await eventually(async () => {
      expect(await notApplied()).toBe(0);
    }, within);
  });
});

test('a network that takes no addresses any more ends the report about its interfaces', async () => {
  await kubectl(['apply', '-f', '-'], network('changing', 'no-such-plugin'));
  const [address = ''] = await createPod('changed', 'changing');
  await report('changed', { changing: OTHER });
  await eventually(async () => {
    expect(await appliedOf(address)).toMatchObject(WRONG);
  }, within);
  await kubectl(['apply', '-f', '-'], network('changing', 'ipvlan'));
  await eventually(async () => {
    expect(await appliedOf(address)).toMatchObject({ status: 'Unknown', reason: 'NotReported' });
    expect(await notApplied()).toBe(0);
  }, within);
});

test('a claim says that its address is on the interface only when the network reports that', async () => {
  const { plane } = installed();
  await plane.kubectl(['create', '-f', '-'], { input: aClaim('gate', { pool: 'kubernetes' }) });
  const address = (await untilReason(plane, 'gate', 'Allocated')).mac ?? '';
  await createPod('user', 'red', { 'mac.rock-os.io/allocation': 'gate' });
  const bound = { type: 'Bound', status: 'True', message: 'The address is given to Pod user' };
  await eventually(async () => {
    expect(await conditionsOf(address)).toEqual([
      expect.objectContaining({ type: 'Ready' }),
      expect.objectContaining(bound),
    ]);
  }, within);
  await report('user', { red: address });
  await eventually(async () => {
    expect(await appliedOf(address)).toMatchObject(RIGHT);
  }, within);
  await report('user', { red: OTHER });
  await eventually(async () => {
    expect(await appliedOf(address)).toMatchObject(WRONG);
    expect(await notApplied()).toBe(1);
  }, within);
  await kubectl(['delete', 'pod', 'user', '--force', '--grace-period=0']);
  await eventually(async () => {
    expect(await appliedOf(address)).toBeUndefined();
  }, within);
});

test('a virtual machine has an Event and a condition for an interface whose instance reports another address', async () => {
  const address = 'a4:58:0f:05:42:02';
  const interfaces = [{ name: 'blue', bridge: {}, macAddress: address }];
  const spec = { domain: { devices: { interfaces } }, networks: [{ name: 'blue', multus: { networkName: 'blue' } }] };
  const create = async (kind: string, metadata: object, body: object) =>
    await kubectl(['create', '-o', 'jsonpath={.metadata.uid}', '-f', '-'], {
      apiVersion: 'kubevirt.io/v1',
      kind,
      metadata: { name: 'vm', ...metadata },
      spec: body,
    });
  const annotations = { 'mac.rock-os.io/inject': 'true' };
  const uid = await create('VirtualMachine', { annotations }, { runStrategy: 'Always', template: { spec } });
  const owner = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name: 'vm', uid, controller: true };
  await create('VirtualMachineInstance', { ownerReferences: [owner] }, spec);
  const reportVm = async (mac: string) => {
    const status = { status: { phase: 'Running', interfaces: [{ name: 'blue', mac, infoSource: 'domain' }] } };
    await kubectl(['patch', 'virtualmachineinstance', 'vm', '--type=merge', '-p', JSON.stringify(status)]);
  };
  await reportVm(OTHER);
  await eventually(async () => {
    expect(await appliedOf(address)).toMatchObject(WRONG);
    expect(await eventsOf('vm')).toMatch(new RegExp(`^VirtualMachine: Interface blue has ${OTHER} and not ${address}`));
  }, within);
  await reportVm(address);
  await eventually(async () => {
    expect(await appliedOf(address)).toMatchObject(RIGHT);
  }, within);
  await reportVm(OTHER);
  await eventually(async () => {
    expect(await appliedOf(address)).toMatchObject(WRONG);
  }, within);
  await kubectl(['delete', 'virtualmachineinstance', 'vm']);
  await eventually(async () => {
    expect(await appliedOf(address)).toMatchObject({ status: 'Unknown', reason: 'NotReported' });
  }, within);
});
