import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { macOf } from '../../api/mac-allocation.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import { listAddresses } from '../../ledger/address/find.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { install, type Installation } from '../env/installation.ts';
import type { ControlPlane } from '../env/kubernetes/control-plane.ts';
import { eventually } from '../env/run/eventually.ts';
import { addressesOf, whileLedgerIsAhead } from '../integration/installed-env.ts';
import { findingsExceptClock } from '../integration/ledger-fixture.ts';

/*
 * Two clusters with the same names share one ledger, so web-0 of one is another than web-0 of the other. Then the etcd of one is
 * restored from a backup, and its sticky addresses are right afterwards.
 */

interface Member {
  readonly plane: ControlPlane;
  readonly clusterId: string;
  installation: Installation;
}

let testEnv: TestEnv;
let ledger: LedgerClient;
let ledgerUrl = '';
let north: Member;
let south: Member;
let backup = '';

const start = (plane: ControlPlane) =>
  install({
    testEnv,
    controlPlane: plane,
    ledgerUrl,
    env: {
      ROCK_MAC_CLUSTER_NAME: plane.name,
      ROCK_MAC_RESYNC_SECONDS: '5',
      ROCK_MAC_LEADER_LEASE_SECONDS: '3',
    },
  });

async function join(plane: ControlPlane | undefined): Promise<Member> {
  if (plane === undefined) throw new Error('there is no second control plane');
  const installation = await start(plane);
  await installation.ready();
  const clusterId = await plane.kubectl(['get', 'namespace', 'kube-system', '-o', 'jsonpath={.metadata.uid}']);
  return { plane, clusterId, installation };
}

beforeAll(async () => {
  testEnv = await startTestEnv({ controlPlanes: [{ name: 'north' }, { name: 'south' }], postgres: { fsync: false } });
  ledgerUrl = await testEnv.postgres.createDatabase('rock_mac');
  north = await join(testEnv.controlPlanes[0]);
  south = await join(testEnv.controlPlanes[1]);
  const limits = { connectTimeoutMs: 5_000, statementTimeoutMs: 10_000 };
  ledger = openLedger({ url: ledgerUrl, applicationName: 'test', max: 1, ...limits });
  backup = path.join(await testEnv.run.makeFolder('backup'), 'etcd');
}, 240_000);

afterAll(async () => {
  await ledger.close();
  for (const { installation } of [north, south]) await installation.close();
  await testEnv.close();
});

async function createSet({ plane }: Member, name: string, replicas: number): Promise<void> {
  const labels = { app: name };
  const annotations = {
    [ANNOTATIONS.inject]: 'true',
    [ANNOTATIONS.sticky]: 'true',
    'k8s.v1.cni.cncf.io/networks': 'blue,red',
  };
  const template = {
    metadata: { labels, annotations },
    spec: { containers: [{ name: 'main', image: 'example.invalid/none' }] },
  };
  const shape = { replicas, serviceName: name, selector: { matchLabels: labels }, podManagementPolicy: 'Parallel' };
  const set = { apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { name }, spec: { ...shape, template } };
  await plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(set) });
}

/** Waits until these pods have two addresses each, which the sticky claims show and the ledger holds. Returns them by pod. */
async function untilRight({ plane, clusterId }: Member, names: readonly string[]): Promise<Record<string, string[]>> {
  return await eventually(
    async () => {
      const byPod: Record<string, string[]> = {};
      for (const name of names) byPod[name] = (await addressesOf(plane, name)).map(({ mac }) => mac);
      const rows = await listAddresses(ledger, { clusterId, states: ['active'], limit: 1_000 });
      const claims = await stickyClaims(plane);
      for (const [name, macs] of Object.entries(byPod)) {
        expect(new Set(macs).size, name).toBe(2);
        const inLedger = rows.filter(({ owner }) => owner?.name === name).map(({ mac }) => String(mac));
        expect(inLedger, name).toEqual(expect.arrayContaining(macs));
        expect(claims.get(name)?.toSorted(), name).toEqual(macs.toSorted());
      }
      return byPod;
    },
    { within: 90_000, every: 250 },
  );
}

/** Returns the addresses that the sticky claims show, by the names that they belong to. */
async function stickyClaims({ kubectl }: ControlPlane): Promise<Map<string, string[]>> {
  const text = await kubectl(['get', 'macallocations', '-o', 'json']);
  const { items } = z.object({ items: z.array(macAllocations.schema) }).parse(JSON.parse(text));
  const shown = new Map<string, string[]>();
  for (const claim of items) {
    const name = claim.spec.stickyFor?.name;
    if (name !== undefined) shown.set(name, [...(shown.get(name) ?? []), macOf(claim) ?? 'none']);
  }
  return shown;
}

const uidOf = ({ plane }: Member, pod: string) =>
  plane.kubectl(['get', 'pod', pod, '--ignore-not-found', '-o', 'jsonpath={.metadata.uid}']);

/** Deletes a pod, and waits until the controller has made the next one. */
async function recreate(member: Member, pod: string): Promise<void> {
  const before = await uidOf(member, pod);
  await member.plane.kubectl(['delete', 'pod', pod]);
  await eventually(
    async () => {
      expect(['', before]).not.toContain(await uidOf(member, pod));
    },
    { within: 60_000 },
  );
}

async function scale({ plane }: Member, set: string, replicas: number): Promise<void> {
  await plane.kubectl(['scale', `statefulset/${set}`, `--replicas=${String(replicas)}`]);
}

const WEB = ['web-0', 'web-1', 'web-2'];
let inNorth: Record<string, string[]> = {};
let inSouth: Record<string, string[]> = {};
let atBackup: Record<string, string[]> = {};

test('pods of the same names in two clusters have different addresses, and each cluster keeps its own', async () => {
  await Promise.all([north, south].map((member) => createSet(member, 'web', 3)));
  inNorth = await untilRight(north, WEB);
  inSouth = await untilRight(south, WEB);
  expect(new Set([inNorth, inSouth].flatMap((byPod) => Object.values(byPod).flat())).size).toBe(12);
  await Promise.all([north, south].flatMap((member) => WEB.map((pod) => recreate(member, pod))));
  expect(await untilRight(north, WEB)).toEqual(inNorth);
  expect(await untilRight(south, WEB)).toEqual(inSouth);
});

test('deleting a set in one cluster changes nothing in the other', async () => {
  await Promise.all([north, south].map((member) => createSet(member, 'brief', 1)));
  const kept = await untilRight(south, ['brief-0']);
  await untilRight(north, ['brief-0']);
  await north.plane.kubectl(['delete', 'statefulset', 'brief']);
  await eventually(
    async () => {
      expect(await uidOf(north, 'brief-0')).toBe('');
    },
    { within: 30_000 },
  );
  await eventually(
    async () => {
      const rows = await listAddresses(ledger, { clusterId: north.clusterId, name: 'brief-0', states: ['active'] });
      expect(rows.map(({ missingSince }) => missingSince)).not.toContain(undefined);
    },
    { within: 60_000, every: 500 },
  );
  await whileLedgerIsAhead(ledger, '8 days', async () => {
    await eventually(
      async () => {
        const filter = { name: 'brief-0', states: ['active'] } as const;
        expect(await listAddresses(ledger, { ...filter, clusterId: north.clusterId })).toEqual([]);
        expect(await listAddresses(ledger, { ...filter, clusterId: south.clusterId })).toHaveLength(2);
      },
      { within: 60_000, every: 500 },
    );
  });
  await recreate(south, 'brief-0');
  expect(await untilRight(south, ['brief-0'])).toEqual(kept);
  await south.plane.kubectl(['delete', 'statefulset', 'brief']);
});

test('after etcd was restored, every name has its addresses, also those that the backup does not know', async () => {
  await north.plane.copyEtcd(backup);
  atBackup = inNorth;
  // What the backup does not know: other pods of the same names, one more ordinal, and a set.
  for (const pod of WEB) await recreate(north, pod);
  await scale(north, 'web', 4);
  await createSet(north, 'later', 1);
  const since = await untilRight(north, [...WEB, 'web-3', 'later-0']);

  await north.installation.close();
  await north.plane.restoreEtcd(backup);
  north.installation = await start(north.plane);
  await untilMayAllocate();

  expect(await untilRight(north, WEB)).toEqual(atBackup);
  for (const pod of WEB) await recreate(north, pod);
  expect(await untilRight(north, WEB)).toEqual(atBackup);
  await scale(north, 'web', 4);
  await createSet(north, 'later', 1);
  expect(await untilRight(north, [...WEB, 'web-3', 'later-0'])).toEqual(since);
  for (const pod of WEB) await recreate(south, pod);
  expect(await untilRight(south, WEB)).toEqual(inSouth);
}, 900_000);

/** A ledger that has seen a newer ticket waits five minutes, in case that the control plane is a copy. */
async function untilMayAllocate(): Promise<void> {
  const input = JSON.stringify({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'probe-', annotations: { [ANNOTATIONS.inject]: 'true' } },
    spec: { containers: [{ name: 'main', image: 'example.invalid/none' }] },
  });
  await eventually(() => north.plane.kubectl(['create', '--dry-run=server', '-f', '-'], { input }), {
    within: 420_000,
    every: 2_000,
  });
}

test('a stickiness that was ended after the backup was made takes nobody an address', async () => {
  const second = `${backup}-2`;
  await north.plane.copyEtcd(second);
  const own = (await untilRight(north, ['web-0']))['web-0'] ?? [];
  await north.plane.kubectl(['delete', 'macallocations', '-l', 'mac.rock-os.io/sticky=true', '--wait=false']);
  // The address is its pod's own now, and is released with it. The name gets another one.
  await eventually(
    async () => {
      const claims = await stickyClaims(north.plane);
      expect(claims.get('web-0')?.some((mac) => own.includes(mac)) ?? false).toBe(false);
    },
    { within: 60_000 },
  );
  await recreate(north, 'web-0');
  const other = (await untilRight(north, ['web-0']))['web-0'] ?? [];
  expect(other.filter((mac) => own.includes(mac))).toEqual([]);

  await north.installation.close();
  await north.plane.restoreEtcd(second);
  north.installation = await start(north.plane);
  await untilMayAllocate();
  // The pod of the backup uses the old addresses, so nobody else may get them.
  const [first = ''] = own;
  await eventually(
    async () => {
      const [row] = (await listAddresses(ledger, { clusterId: north.clusterId, limit: 1_000 })).filter(
        ({ mac }) => mac === first,
      );
      expect(row).toMatchObject({ state: 'active', owner: { name: 'web-0' } });
    },
    { within: 120_000, every: 500 },
  );
  await recreate(north, 'web-0');
  const last = (await untilRight(north, ['web-0']))['web-0'] ?? [];
  expect([own.toSorted(), other.toSorted()]).toContainEqual(last.toSorted());
  expect(await findingsExceptClock(ledger)).toEqual([]);
}, 900_000);
