import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { observationsOfMac } from '../../ledger/observation/observations.ts';
import { observe, type ObserveItem } from '../../ledger/observation/observe.ts';
import { registerCluster } from '../../ledger/state/clusters.ts';
import { mac } from '../../mac/mac-address.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { untilEqual } from './collisions.ts';
import { installedEnvOfThisFile } from './installed-env.ts';

/* Addresses of other prefixes that the authors of objects write: what admission says about one that another object uses. */
const installed = installedEnvOfThisFile({ env: { ROCK_MAC_RESYNC_SECONDS: '600' } });

const NET = 'k8s.v1.cni.cncf.io/networks';

interface Written {
  readonly namespace?: string;
  readonly macs: readonly string[];
  readonly networks?: readonly string[];
  /** More flags of kubectl. */
  readonly flags?: readonly string[];
}

/** Only asks, and returns the warnings like a refusal. */
const ASK = ['--dry-run=server', '--warnings-as-errors'];

/** Creates an object, and returns its name, or why it was refused. */
async function create(object: object, namespace: string, flags: readonly string[] = []): Promise<string> {
  const input = JSON.stringify(object);
  return await installed()
    .plane.kubectl(['create', '-n', namespace, '-f', '-', '-o', 'name', ...flags], { input })
    .catch((error: unknown) => String(error));
}

function pod(name: string, { namespace = 'team', macs, networks = ['net'], flags }: Written): Promise<string> {
  const value = JSON.stringify(macs.map((each, index) => ({ name: networks[index] ?? networks[0], mac: each })));
  const metadata = { name, annotations: { [NET]: value } };
  const spec = { containers: [{ name: 'main', image: 'example.invalid/none' }] };
  return create({ apiVersion: 'v1', kind: 'Pod', metadata, spec }, namespace, flags);
}

function machine(name: string, macs: readonly string[], runStrategy = 'Halted', namespace = 'team'): Promise<string> {
  const interfaces = macs.map((macAddress, index) => ({ name: `nic${String(index)}`, bridge: {}, macAddress }));
  const networks = macs.map((_, index) => ({ name: `nic${String(index)}`, multus: { networkName: 'net' } }));
  const spec = { runStrategy, template: { spec: { domain: { devices: { interfaces } }, networks } } };
  return create({ apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', metadata: { name }, spec }, namespace);
}

/** A pod of another cluster of the ledger. */
function squatterOf(clusterId: string, address: string, running: boolean): ObserveItem {
  const object = { clusterId, kind: 'Pod', namespace: 'elsewhere', name: 'squatter', uid: address, nic: 'net#0' };
  return { mac: mac(address), object, limited: true, running };
}

const observedOn = (address: string) => async () =>
  (await observationsOfMac(installed().ledger, mac(address))).map(({ object }) => object.name);

beforeAll(async () => {
  const { plane, ledger } = installed();
  await registerCluster(ledger, { clusterId: 'south', name: 'south' }, 'test');
  await installForeignCrds(plane.kubectl);
  for (const namespace of ['team', 'other']) {
    await plane.kubectl(['create', 'namespace', namespace]);
    await plane.kubectl(['label', 'namespace', namespace, 'mac.rock-os.io/inject=enabled']);
  }
  for (const [name, segment] of [
    ['lab-a', 'a'],
    ['lab-b', 'b'],
  ] as const) {
    const metadata = { name, annotations: { 'mac.rock-os.io/segment': segment } };
    const input = JSON.stringify({ apiVersion: 'k8s.cni.cncf.io/v1', kind: 'NetworkAttachmentDefinition', metadata });
    await plane.kubectl(['create', '-n', 'team', '-f', '-'], { input });
  }
});

describe('an address of another prefix that another object uses', () => {
  test('is refused if that is of the same namespace, with its name', async () => {
    const address = '02:00:00:01:00:01';
    expect(await pod('first', { macs: [address] })).toMatch(/pod\/first/);
    await untilEqual(observedOn(address), ['first']);
    expect(await pod('second', { macs: [address] })).toMatch(/02:00:00:01:00:01 .*is in use by Pod first/);
    expect(await machine('vm', [address])).toMatch(/is in use by Pod first/);
  });

  test('is admitted with one warning for another namespace and another cluster, which nobody can block by it', async () => {
    const { ledger } = installed();
    const here = '02:00:00:01:00:11';
    const there = '02:00:00:01:00:12';
    await pod('squatter', { macs: [here] });
    await untilEqual(observedOn(here), ['squatter']);
    await observe(ledger, [squatterOf('south', there, true)], 'operator');
    const warningOf = async (address: string) => {
      const warning = await pod('asked', { macs: [address], namespace: 'other', flags: ASK });
      return warning.replaceAll(address, 'MAC');
    };
    expect(await warningOf(here)).toMatch(/MAC on \S+ is in use by an object outside of this namespace/);
    expect(await warningOf(here)).not.toMatch(/squatter|team/);
    expect(await warningOf(there)).toBe(await warningOf(here));
    expect(await pod('third', { macs: [here.replaceAll(':', '-')], namespace: 'other' })).toMatch(/pod\/third/);
  });

  test('is refused because of an object elsewhere that has run with it for an hour, which is not named', async () => {
    const { ledger } = installed();
    const address = '02:00:00:01:00:13';
    await observe(ledger, [squatterOf('south', address, true)], 'operator');
    await ledger.query({
      text: `update rock_mac.observations set observed_since = observed_since - interval '61 minutes' where cluster_id = 'south'`,
      values: [],
      row: z.unknown(),
    });
    const refusal = await pod('late', { macs: [address] });
    expect(refusal).toMatch(/denied.*is in use by an object outside of this namespace/s);
    expect(refusal).not.toMatch(/squatter|elsewhere|south/);
    await observe(ledger, [squatterOf('south', address, false)], 'operator');
    expect(await pod('late', { macs: [address] })).toMatch(/pod\/late/);
  });

  test('is free again some seconds after its object is deleted, and at once for an object of the same name', async () => {
    const { plane } = installed();
    const address = '02:00:00:01:00:02';
    await pod('again', { macs: [address] });
    await untilEqual(observedOn(address), ['again']);
    await plane.kubectl(['delete', 'pod', 'again', '-n', 'team', '--grace-period=0', '--force']);
    expect(await pod('again', { macs: [address] })).toMatch(/pod\/again/);
    await plane.kubectl(['delete', 'pod', 'again', '-n', 'team', '--grace-period=0', '--force']);
    await untilEqual(observedOn(address), []);
    expect(await pod('next', { macs: [address] })).toMatch(/pod\/next/);
  });

  test('may be on a machine that waits for the guest of the other', async () => {
    const address = '02:00:00:01:00:03';
    expect(await machine('source', [address])).toMatch(/source/);
    await untilEqual(observedOn(address), ['source']);
    expect(await machine('target', [address], 'WaitAsReceiver', 'other')).toMatch(/target/);
  });

  test('may be in another segment', async () => {
    const address = '02:00:00:01:00:04';
    await pod('in-a', { macs: [address], networks: ['lab-a'] });
    // The definition may arrive after the pod.
    const segments = async () =>
      (await observationsOfMac(installed().ledger, mac(address))).map(({ segment }) => segment);
    await untilEqual(segments, ['a'], 60_000);
    expect(await pod('in-b', { macs: [address], networks: ['lab-b'] })).toMatch(/pod\/in-b/);
    expect(await pod('in-a-too', { macs: [address], networks: ['lab-a'] })).toMatch(/is in use by Pod in-a/);
  });
});

test('a machine keeps its address in every update, and gets no second interface with it', async () => {
  const { plane } = installed();
  const address = '02:00:00:01:00:05';
  await machine('steady', [address]);
  await untilEqual(observedOn(address), ['steady']);
  await plane.kubectl(['annotate', 'vm', 'steady', '-n', 'team', 'note=x']);
  const patch = (interfaces: readonly object[]) =>
    plane
      .kubectl([
        ...['patch', 'vm', 'steady', '-n', 'team', '--type=merge', '-p'],
        JSON.stringify({ spec: { template: { spec: { domain: { devices: { interfaces } } } } } }),
      ])
      .catch((error: unknown) => String(error));
  const nic = (name: string, macAddress: string) => ({ name, bridge: {}, macAddress });
  expect(await patch([nic('nic0', address), nic('nic1', address)])).toMatch(/is on two interfaces of this object/);
  expect(await patch([nic('nic0', address), nic('nic1', '02:00:00:01:00:06')])).toMatch(/patched/);
});

test('twice on one object is refused, of any prefix', async () => {
  const address = '02:00:00:01:00:07';
  expect(await pod('twice', { macs: [address, address] })).toMatch(/is on two interfaces of this object/);
  expect(await machine('twice', [address, '02-00-00-01-00-07'])).toMatch(/is on two interfaces of this object/);
});

test('while the ledger is away, the object is admitted', async () => {
  const { ledgerProxy } = installed();
  const address = '02:00:00:01:00:08';
  await pod('known', { macs: [address] });
  await untilEqual(observedOn(address), ['known']);
  await ledgerProxy.cut();
  expect(await pod('unchecked', { macs: [address] })).toMatch(/pod\/unchecked/);
  await ledgerProxy.heal();
});
