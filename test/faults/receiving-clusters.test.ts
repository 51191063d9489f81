import { afterAll, beforeAll, expect, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { listAudit } from '../../ledger/audit.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { observationsOfMac } from '../../ledger/observation/observations.ts';
import { mac } from '../../mac/mac-address.ts';
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { install, type Installation } from '../env/installation.ts';
import type { ControlPlane } from '../env/kubernetes/control-plane.ts';
import { eventually } from '../env/run/eventually.ts';
import { findingsExceptClock } from '../integration/ledger-fixture.ts';
import { instance, machine, machinesIn, prepareMachines, untilRow } from '../integration/receiving-machines.ts';

/* A guest migrates from one cluster to another one of the same ledger. Both have a machine `desk` in a namespace `team`. */

interface Member {
  readonly plane: ControlPlane;
  readonly clusterId: string;
  readonly installation: Installation;
  readonly machines: ReturnType<typeof machinesIn>;
}

let testEnv: TestEnv;
let ledger: LedgerClient;
let north: Member;
let south: Member;

async function join(plane: ControlPlane | undefined, ledgerUrl: string): Promise<Member> {
  if (plane === undefined) throw new Error('there is no second control plane');
  const env = {
    ROCK_MAC_CLUSTER_NAME: plane.name,
    ROCK_MAC_RESYNC_SECONDS: '3',
    ROCK_MAC_LEADER_LEASE_SECONDS: '3',
  };
  const installation = await install({ testEnv, controlPlane: plane, ledgerUrl, env });
  await installation.ready();
  await prepareMachines(plane, ['team']);
  const clusterId = await plane.kubectl(['get', 'namespace', 'kube-system', '-o', 'jsonpath={.metadata.uid}']);
  return { plane, clusterId, installation, machines: machinesIn(plane, 'team') };
}

beforeAll(async () => {
  testEnv = await startTestEnv({ controlPlanes: [{ name: 'north' }, { name: 'south' }], postgres: { fsync: false } });
  const url = await testEnv.postgres.createDatabase('rock_mac');
  north = await join(testEnv.controlPlanes[0], url);
  south = await join(testEnv.controlPlanes[1], url);
  ledger = openLedger({ url, applicationName: 'test', max: 1, connectTimeoutMs: 5_000, statementTimeoutMs: 10_000 });
}, 240_000);

afterAll(async () => {
  await ledger.close();
  for (const { installation } of [north, south]) await installation.close();
  await testEnv.close();
});

async function aSource(name: string): Promise<{ readonly uid: string; readonly address: string }> {
  const uid = await north.machines.create(machine(name));
  const address = await north.machines.addressOf(name);
  await untilRow(ledger, address, { state: 'active', owner: { uid } });
  return { uid, address };
}

async function untilObserved(address: string): Promise<void> {
  await eventually(
    async () => {
      expect(await observationsOfMac(ledger, mac(address))).not.toEqual([]);
    },
    { within: 60_000, every: 200 },
  );
}

const actionsOn = async (address: string) =>
  (await listAudit(ledger, { mac: mac(address) })).map(({ action }) => action).reverse();

test('the address of a guest moves into the cluster of its receiver when the source ends', async () => {
  const { uid, address } = await aSource('desk');
  // A machine of the same names in the own cluster is not meant.
  await north.machines.offer('desk', 'team/desk');
  expect(await south.machines.tryReceive('desk', address)).toMatch(/held by another owner/);
  await north.machines.offer('desk', 'south/team/desk');
  await untilRow(ledger, address, { handover: { clusterId: south.clusterId } });
  expect(await south.machines.tryReceive('desk', address)).toBe('admitted');
  const receiver = await south.plane.kubectl(['get', 'vm', 'desk', '-n', 'team', '-o', 'jsonpath={.metadata.uid}']);
  await south.machines.create(instance('desk', receiver, address));
  await untilObserved(address);
  expect(await findByMac(ledger, mac(address))).toMatchObject({ owner: { uid }, generation: 1 });
  await north.machines.remove('vm/desk');
  const owner = { clusterId: south.clusterId, namespace: 'team', name: 'desk', uid: receiver };
  await untilRow(ledger, address, { state: 'active', owner, generation: 2 });
  expect(await actionsOn(address)).toEqual(['allocate', 'bind', 'transfer']);
  expect(await south.machines.mirrorsOf(address)).toBe('desk');
  expect(`${await north.machines.events()} ${await south.machines.events()}`).not.toContain('AddressConflict');
  expect(await findingsExceptClock(ledger)).toEqual([]);
});

test('nothing is released while the cluster of the receiver is silent, and it receives the address afterwards', async () => {
  const { address } = await aSource('silent');
  await north.machines.offer('silent', `${south.clusterId}/team/silent`);
  await untilRow(ledger, address, { handover: { clusterId: south.clusterId } });
  expect(await south.machines.tryReceive('silent', address)).toBe('admitted');
  await untilObserved(address);
  await Promise.all(south.installation.operators.map((operator) => operator.kill()));
  await north.machines.remove('vm/silent');
  await untilRow(ledger, address, { handover: { left: true } });
  await new Promise((resolve) => setTimeout(resolve, 8_000));
  expect(await findByMac(ledger, mac(address))).toMatchObject({
    state: 'active',
    owner: { clusterId: north.clusterId },
  });
  await south.installation.startOperator();
  await untilRow(ledger, address, { state: 'active', owner: { clusterId: south.clusterId, name: 'silent' } });
});

test('an address is released if its receiver in the other cluster has ended before the source', async () => {
  const { address } = await aSource('nobody');
  await north.machines.offer('nobody', 'south/team/nobody');
  await untilRow(ledger, address, { handover: { clusterId: south.clusterId } });
  expect(await south.machines.tryReceive('nobody', address)).toBe('admitted');
  await untilObserved(address);
  await south.machines.remove('vm/nobody');
  await north.machines.remove('vm/nobody');
  await untilRow(ledger, address, { state: 'released' });
});
