import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { findByMac } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from './installed-env.ts';

// Addresses that belong to the names of virtual machines. The test makes the machines that a VirtualMachinePool would make.

const installed = installedEnvOfThisFile({ env: { ROCK_MAC_RESYNC_SECONDS: '1' } });
const kubectl = (args: readonly string[], input?: object) =>
  installed().plane.kubectl(args, input === undefined ? {} : { input: JSON.stringify(input) });

beforeAll(async () => {
  await installForeignCrds(installed().plane.kubectl);
});

const POOL = { apiVersion: 'pool.kubevirt.io/v1beta1', kind: 'VirtualMachinePool' };

async function createPool(name: string, replicas: number): Promise<void> {
  await eventually(() => kubectl(['create', '-f', '-'], { ...POOL, metadata: { name }, spec: { replicas } }), {
    within: 20_000,
    every: 500,
  });
}

/** Has the pool say how many machines it has, as KubeVirt does. */
async function report(pool: string, replicas: number): Promise<void> {
  const body = JSON.stringify({ status: { replicas } });
  await kubectl(['patch', 'virtualmachinepool', pool, '--subresource=status', '--type=merge', '-p', body]);
}

/** Returns a machine of a pool, which the garbage collector must find by its uid. */
async function machineOf(pool: string, ordinal: number, interfaces: readonly object[]): Promise<object> {
  const uid = await kubectl(['get', 'virtualmachinepool', pool, '-o', 'jsonpath={.metadata.uid}']);
  const annotations = {
    'mac.rock-os.io/inject': 'true',
    'mac.rock-os.io/sticky': 'true',
    'mac.rock-os.io/sticky-retention': 'whenScaled=Release',
  };
  const ownerReferences = [{ ...POOL, name: pool, uid, controller: true }];
  const networks = interfaces.map((each) => ({
    ...z.object({ name: z.string() }).parse(each),
    multus: { networkName: 'blue' },
  }));
  return {
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: { name: `${pool}-${String(ordinal)}`, annotations, ownerReferences },
    spec: { template: { spec: { domain: { devices: { interfaces } }, networks } } },
  };
}

const nic = (name: string, macAddress?: string) => ({
  name,
  bridge: {},
  ...(macAddress !== undefined && { macAddress }),
});
const rowOf = (address: string) => findByMac(installed().ledger, mac(address));
const shownMacs = () => kubectl(['get', 'ma', '-l', 'mac.rock-os.io/sticky', '-o', 'jsonpath={.items[*].spec.mac}']);

async function addressesOf(machine: string): Promise<readonly string[]> {
  const path = 'jsonpath={.spec.template.spec.domain.devices.interfaces[*].macAddress}';
  return (await kubectl(['get', 'vm', machine, '-o', path])).split(' ');
}

/** Creates a machine and returns its addresses, once its claims show them. */
async function createMachine(pool: string, ordinal: number, interfaces = [nic('blue')]): Promise<readonly string[]> {
  await kubectl(['create', '-f', '-'], await machineOf(pool, ordinal, interfaces));
  const addresses = await addressesOf(`${pool}-${String(ordinal)}`);
  await until('active and shown', async () => {
    const shown = await shownMacs();
    const rows = await Promise.all(addresses.map(rowOf));
    return addresses.every((each) => shown.includes(each)) && rows.every((row) => row?.state === 'active');
  });
  return addresses;
}

const until = (what: string, holds: () => Promise<boolean>): Promise<void> =>
  eventually(
    async () => {
      if (!(await holds())) throw new Error(`not yet: ${what}`);
    },
    { within: 25_000, every: 100 },
  );

/** Waits until a resync found an address unused, then sets that time back by 25 hours. */
async function makeUnusedForADay(address: string): Promise<void> {
  await until('unused', async () => (await rowOf(address))?.missingSince !== undefined);
  await installed().ledger.connections.query(
    `update rock_mac.addresses set missing_since = missing_since - interval '25 hours' where addr = rock_mac.to_addr($1::macaddr)`,
    [address],
  );
}

async function expectKept(address: string): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 4_000));
  expect((await rowOf(address))?.state).toBe('active');
  expect(await shownMacs()).toContain(address);
}

describe('a machine of a VirtualMachinePool', () => {
  test('has its address again when it is made again, while its pool lacks machines, and loses it once that has all', async () => {
    await createPool('desktop', 2);
    const [first = ''] = await createMachine('desktop', 0);
    const [second = ''] = await createMachine('desktop', 1);
    await kubectl(['delete', 'vm', 'desktop-0', 'desktop-1']);
    await makeUnusedForADay(first);
    await makeUnusedForADay(second);
    await expectKept(first);
    expect(await createMachine('desktop', 0)).toEqual([first]);
    await report('desktop', 1);
    await expectKept(second);
    await kubectl(['patch', 'virtualmachinepool', 'desktop', '--type=merge', '-p', '{"spec":{"replicas":1}}']);
    await until('released', async () => (await rowOf(second))?.state === 'released');
    await until('not shown', async () => !(await shownMacs()).includes(second));
    await expectKept(first);
  });

  test('loses its address although it has the lowest number, because the pool chose it when it was scaled down', async () => {
    await createPool('chosen', 2);
    const [first = ''] = await createMachine('chosen', 0);
    const [second = ''] = await createMachine('chosen', 1);
    await kubectl(['patch', 'virtualmachinepool', 'chosen', '--type=merge', '-p', '{"spec":{"replicas":1}}']);
    await kubectl(['delete', 'vm', 'chosen-0']);
    await report('chosen', 1);
    await makeUnusedForADay(first);
    await until('released', async () => (await rowOf(first))?.state === 'released');
    await expectKept(second);
  });

  test('keeps the address of an interface that gets another name, under the first one', async () => {
    await createPool('renamed', 1);
    const [address = ''] = await createMachine('renamed', 0);
    await kubectl(
      ['apply', '--server-side', '--force-conflicts', '-f', '-'],
      await machineOf('renamed', 0, [nic('green', address)]),
    );
    await expectKept(address);
    expect(await rowOf(address)).toMatchObject({ owner: { name: 'renamed-0', nic: 'blue', uid: undefined } });
  });

  test('loses the address of an interface that is gone for a day, and has it again before that', async () => {
    await createPool('nics', 1);
    const [blue = '', red = ''] = await createMachine('nics', 0, [nic('blue'), nic('red')]);
    const setNics = async (interfaces: readonly object[]) =>
      await kubectl(['replace', '-f', '-'], await machineOf('nics', 0, interfaces));
    await setNics([nic('blue', blue)]);
    await until('unused', async () => (await rowOf(red))?.missingSince !== undefined);
    await setNics([nic('blue', blue), nic('red')]);
    expect(await addressesOf('nics-0')).toEqual([blue, red]);
    await setNics([nic('blue', blue)]);
    await makeUnusedForADay(red);
    await until('released', async () => (await rowOf(red))?.state === 'released');
    await expectKept(blue);
  });
});
