import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { install, type Installation } from '../env/installation.ts';
import type { ControlPlane } from '../env/kubernetes/control-plane.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { objectsIn, untilEqual } from '../integration/collisions.ts';

/* Two clusters of one ledger have running objects with one address. */

interface Member {
  readonly installation: Installation;
  readonly team: ReturnType<typeof objectsIn>;
  readonly conflicts: () => Promise<number>;
}

let testEnv: TestEnv;
let north: Member;
let south: Member;

async function join(plane: ControlPlane | undefined, ledgerUrl: string): Promise<Member> {
  if (plane === undefined) throw new Error('there is no second control plane');
  const env = { ROCK_MAC_CLUSTER_NAME: plane.name, ROCK_MAC_RESYNC_SECONDS: '3', ROCK_MAC_LEADER_LEASE_SECONDS: '3' };
  const installation = await install({ testEnv, controlPlane: plane, ledgerUrl, webhooks: 0, env });
  await installation.ready();
  await installForeignCrds(plane.kubectl);
  await plane.kubectl(['create', 'namespace', 'team']);
  await plane.kubectl(['label', 'namespace', 'team', 'mac.rock-os.io/inject=enabled']);
  return {
    installation,
    team: objectsIn(plane, 'team'),
    conflicts: async () => (await installation.operators[0]?.metric('rockmac_conflicts')) ?? -1,
  };
}

beforeAll(async () => {
  testEnv = await startTestEnv({ controlPlanes: [{ name: 'north' }, { name: 'south' }], postgres: { fsync: false } });
  const url = await testEnv.postgres.createDatabase('rock_mac');
  north = await join(testEnv.controlPlanes[0], url);
  south = await join(testEnv.controlPlanes[1], url);
}, 240_000);

afterAll(async () => {
  for (const { installation } of [north, south]) await installation.close();
  await testEnv.close();
});

test('both clusters report it without a name of the other, until one of the objects ends', async () => {
  const mac = '02:00:00:00:20:01';
  await north.team.pod('polar-project', [{ mac }]);
  await south.team.instance('tropic-project', [{ mac }]);
  await untilEqual(south.conflicts, 2, 30_000);
  await untilEqual(north.conflicts, 2, 30_000);
  const note = (nic: string) =>
    `${mac} on interface ${nic}: 1 user outside of this cluster also uses this address. Give one of them another address`;
  await untilEqual(() => north.team.collisionsOf('polar-project'), [note('net1')]);
  await untilEqual(() => south.team.collisionsOf('tropic-project'), [note('nic0')]);
  await north.team.removePod('polar-project');
  await untilEqual(south.conflicts, 0, 30_000);
  await untilEqual(north.conflicts, 0, 30_000);
  await south.team.removeInstance('tropic-project');
});

test('the two instances of a migration between the clusters are no collision', async () => {
  const mac = '02:00:00:00:20:02';
  await north.team.instance('traveller', [{ mac }], 'migration');
  await south.team.instance('traveller', [{ mac }], 'migration');
  const later = '02:00:00:00:20:03';
  await north.team.pod('clock', [{ mac: later }]);
  await south.team.pod('clock', [{ mac: later }]);
  // Both clusters have compared what came before.
  await untilEqual(south.conflicts, 2, 30_000);
  await untilEqual(north.conflicts, 2, 30_000);
  expect(await north.team.collisionsOf('traveller')).toEqual([]);
  expect(await south.team.collisionsOf('traveller')).toEqual([]);
});

test('two instances that have migrated from node to node in their clusters are reported', async () => {
  const mac = '02:00:00:00:20:04';
  await north.team.instance('polar-machine', [{ mac }], 'polar-migration', false);
  await south.team.instance('tropic-machine', [{ mac }], 'tropic-migration', false);
  const reported = async ({ team }: Member, name: string) => (await team.collisionsOf(name)).length;
  await untilEqual(() => reported(south, 'tropic-machine'), 1, 30_000);
  await untilEqual(() => reported(north, 'polar-machine'), 1, 30_000);
});
