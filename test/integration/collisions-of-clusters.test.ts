import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { observationsOfMac } from '../../ledger/observation/observations.ts';
import { mac as parsed } from '../../mac/mac-address.ts';
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { install, type Installation } from '../env/installation.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { objectsIn, untilEqual } from './collisions.ts';

/*
 * Two clusters, each with its operator, and one ledger. Resyncs are rare: what both sides notice in seconds does not wait for one.
 * There is no webhook, so nobody refuses an address.
 */
let testEnv: TestEnv;
let ledger: LedgerClient;
let installations: readonly Installation[] = [];

/** A poll of the ledger is five seconds away at most. On a busy machine the rest takes some seconds too. */
const SECONDS = 20_000;

/** A change is asked for during one poll, and ten seconds longer. */
const VISIBLE_MS = 20_000;

beforeAll(async () => {
  testEnv = await startTestEnv({
    controlPlanes: [{ name: 'north' }, { name: 'south' }],
    postgres: { fsync: false },
  });
  const ledgerUrl = await testEnv.postgres.createDatabase('rock_mac');
  ledger = openLedger({
    url: ledgerUrl,
    applicationName: 'test',
    max: 1,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
  });
  for (const plane of testEnv.controlPlanes) {
    await installForeignCrds(plane.kubectl);
    const env = { ROCK_MAC_RESYNC_SECONDS: '3000', ROCK_MAC_CLUSTER_NAME: plane.name };
    const installation = await install({ testEnv, controlPlane: plane, ledgerUrl, webhooks: 0, env });
    installations = [...installations, installation];
    await installation.ready();
    await plane.kubectl(['delete', 'validatingadmissionpolicybinding', '--all']);
    await plane.kubectl(['create', 'namespace', 'team']);
    await plane.kubectl(['label', 'namespace', 'team', 'mac.rock-os.io/inject=enabled']);
  }
}, 300_000);

afterAll(async () => {
  await ledger.close();
  for (const each of installations) await each.close();
  await testEnv.close();
});

function cluster(index: 0 | 1) {
  const plane = testEnv.controlPlanes[index];
  const operator = installations[index]?.operators[0];
  if (plane === undefined || operator === undefined) throw new Error(`cluster ${String(index)} is not running`);
  return { ...objectsIn(plane, 'team'), plane, conflicts: () => operator.metric('rockmac_conflicts') };
}

test(
  'both sides of a collision between clusters are reported within seconds, and both when it ends',
  { timeout: 180_000 },
  async () => {
    const [north, south] = [cluster(0), cluster(1)];
    const mac = '02:00:00:00:01:01';
    const note = `${mac} on interface net1: 1 user outside of this cluster also uses this address. Give one of them another address`;
    await north.pod('first', [{ mac }]);
    await untilEqual(async () => (await observationsOfMac(ledger, parsed(mac))).length, 1, SECONDS);
    await south.pod('second', [{ mac }]);
    await untilEqual(() => south.collisionsOf('second'), [note], SECONDS);
    await untilEqual(() => north.collisionsOf('first'), [note], SECONDS);
    await untilEqual(() => Promise.all([north.conflicts(), south.conflicts()]), [2, 2], SECONDS);
    await south.removePod('second');
    await untilEqual(() => Promise.all([north.conflicts(), south.conflicts()]), [0, 0], SECONDS);
    await north.removePod('first');
  },
);

test(
  'an owner in one cluster and an object that was there before in another are both reported within seconds',
  { timeout: 180_000 },
  async () => {
    const [north, south] = [cluster(0), cluster(1)];
    const mac = 'a4:58:0f:05:20:01';
    const networks = JSON.stringify([{ name: 'net', mac }]);
    await north.pod('stray', [{ mac }], { 'k8s.v1.cni.cncf.io/networks': networks });
    await untilEqual(async () => (await observationsOfMac(ledger, parsed(mac))).length, 1, SECONDS);
    await south.plane.kubectl(['annotate', 'namespace', 'team', 'mac.rock-os.io/adopt=kubernetes']);
    await south.pod('owner', [{ mac }], { 'k8s.v1.cni.cncf.io/networks': networks });
    const isReported = async (each: typeof north, name: string) =>
      (await each.collisionsOf(name)).some((text) => text.includes('1 user outside of this cluster'));
    await untilEqual(() => isReported(south, 'owner'), true, SECONDS);
    await untilEqual(() => isReported(north, 'stray'), true, SECONDS);
    await north.removePod('stray');
    await untilEqual(() => Promise.all([north.conflicts(), south.conflicts()]), [0, 0], SECONDS);
    await south.removePod('owner');
  },
);

test(
  'an owner that starts long after it got its address meets the object elsewhere within seconds',
  { timeout: 180_000 },
  async () => {
    const [north, south] = [cluster(0), cluster(1)];
    const mac = 'a4:58:0f:05:20:02';
    const networks = { 'k8s.v1.cni.cncf.io/networks': JSON.stringify([{ name: 'net', mac }]) };
    await north.pod('early', [{ mac }], networks);
    await untilEqual(async () => (await observationsOfMac(ledger, parsed(mac))).length, 1, SECONDS);
    await south.plane.kubectl(['annotate', '--overwrite', 'namespace', 'team', 'mac.rock-os.io/adopt=kubernetes']);
    await south.pendingPod('late', networks);
    await untilEqual(async () => (await findByMac(ledger, parsed(mac)))?.owner?.name, 'late', SECONDS);
    await setTimeout(VISIBLE_MS);
    await south.startPod('late', [{ mac }]);
    const isReported = async (each: typeof north, name: string) =>
      (await each.collisionsOf(name)).some((text) => text.includes('1 user outside of this cluster'));
    await untilEqual(() => isReported(south, 'late'), true, SECONDS);
    await untilEqual(() => isReported(north, 'early'), true, SECONDS);
    await south.removePod('late');
    await north.removePod('early');
  },
);
