import { expect, test } from 'vitest';
import { z } from 'zod';
import type { MacPoolSpec } from '../../api/mac-pool.ts';
import { definePool, listPools, pausePool, setPoolStrategy } from '../../ledger/pool/pools.ts';
import { registerCluster, retireCluster } from '../../ledger/state/clusters.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from './installed-env.ts';

/* What the operator makes of MacPools that do not fit the ledger, and of what people change in the ledger. */

// The login of the owner may change every pool, so nothing but the operator itself keeps it from that.
const installed = installedEnvOfThisFile({ webhooks: 0, login: 'owner' });
const patience = { within: 40_000, every: 200 };

const kubectl = (...args: readonly string[]) => installed().plane.kubectl(args);

async function create(name: string, spec: MacPoolSpec): Promise<void> {
  const pool = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool', metadata: { name }, spec };
  await installed().plane.kubectl(['create', '-f', '-'], { input: JSON.stringify(pool) });
}

async function untilReason(name: string, reason: string): Promise<void> {
  const path = '{.status.conditions[?(@.type=="Ready")].reason}';
  await kubectl('wait', `--for=jsonpath=${path}=${reason}`, `macpool/${name}`, '--timeout=45s');
}

const messageOf = (name: string) =>
  kubectl('get', 'macpool', name, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].message}');

/** Lets the operator look at a MacPool. */
const touch = (name: string) => kubectl('annotate', 'macpool', name, '--overwrite', `touched=${String(Date.now())}`);

const events = z.object({
  items: z.array(z.object({ regarding: z.object({ name: z.string() }), reason: z.string(), type: z.string() })),
});

async function eventsOf(name: string): Promise<string[]> {
  const { items } = events.parse(JSON.parse(await kubectl('get', 'events.events.k8s.io', '-o', 'json')));
  return items.filter(({ regarding }) => regarding.name === name).map(({ type, reason }) => `${type} ${reason}`);
}

async function poolInLedger(name: string) {
  return (await listPools(installed().ledger)).find((pool) => pool.name === name);
}

test('a MacPool that overlaps another shows the reason in a column, and names the other in an Event', async () => {
  await create('clash', { first: 'a4:58:0f:01:ff:00', last: 'a4:58:0f:01:ff:0f' });
  await untilReason('clash', 'RangeOverlaps');
  expect(await messageOf('clash')).toContain('overlaps pool development of the ledger (a4:58:0f:01:00:00 to');
  expect(await kubectl('get', 'macpool', 'clash')).toMatch(/READY +REASON +AGE\n.*False +RangeOverlaps/);
  await eventually(async () => {
    expect(await eventsOf('clash')).toEqual(['Warning RangeOverlaps']);
  }, patience);
  expect(await eventsOf('development')).toEqual([]);
  await kubectl('delete', 'macpool', 'clash', '--timeout=30s');
  expect(await poolInLedger('development')).toBeDefined();
});

test('the deletion of a MacPool with other periods leaves the unused pool of the ledger', async () => {
  const range = { first: mac('a4:58:0f:40:00:00'), last: mac('a4:58:0f:40:00:ff') };
  const periods = { autoReleaseSeconds: null, reuseDelaySeconds: 7_200 };
  await definePool(installed().ledger, { name: 'theirs', description: '', ...range, ...periods }, 'test');
  await create('theirs', { ...range, reuseDelay: '1h' });
  await untilReason('theirs', 'DefinitionConflict');
  await kubectl('delete', 'macpool', 'theirs', '--timeout=30s');
  expect(await poolInLedger('theirs')).toMatchObject({ reuseDelaySeconds: 7_200, paused: false });
});

test('a MacPool does not resume a pool that a person paused in the ledger, and follows when it is resumed there', async () => {
  const { ledger } = installed();
  expect(await pausePool(ledger, 'docker', true, 'ada')).toBe('paused');
  await touch('docker');
  await untilReason('docker', 'Paused');
  expect(await messageOf('docker')).toContain('`rock-mac pool resume docker`');
  expect(await poolInLedger('docker')).toMatchObject({ paused: true });
  expect(await pausePool(ledger, 'docker', false, 'ada')).toBe('resumed');
  await untilReason('docker', 'Defined'); // without a change of the MacPool
  await eventually(async () => {
    expect(await eventsOf('docker')).toEqual(expect.arrayContaining(['Normal Paused', 'Normal Defined']));
  }, patience);
});

test('a pool that a MacPool paused is resumed by it alone, or by a person', async () => {
  const { ledger } = installed();
  const patch = (paused: boolean) =>
    kubectl('patch', 'macpool', 'docker', '--type=merge', '-p', JSON.stringify({ spec: { paused } }));
  await patch(true);
  await untilReason('docker', 'Paused');
  expect(await poolInLedger('docker')).toMatchObject({ paused: true, pausedBy: expect.any(String) as string });
  expect(await pausePool(ledger, 'docker', false, 'operator', 'another-cluster')).toBe('paused_elsewhere');
  expect(await messageOf('docker')).toContain('Set spec.paused to false');
  await patch(false);
  await untilReason('docker', 'Defined');
  expect(await poolInLedger('docker')).toMatchObject({ paused: false, pausedBy: undefined });
});

test('a pool follows its MacPool, and stays random for others until who made it so, or a person, ends it', async () => {
  const { ledger } = installed();
  const patch = (strategy: string | null) =>
    kubectl('patch', 'macpool', 'vultr', '--type=merge', '-p', JSON.stringify({ spec: { strategy } }));
  const untilStrategy = (strategy: string) =>
    eventually(async () => {
      expect(await poolInLedger('vultr')).toMatchObject({ strategy });
    }, patience);
  await patch('random');
  await untilStrategy('random');
  expect(await setPoolStrategy(ledger, 'vultr', 'sequential', 'operator', 'another-cluster')).toBe('random_elsewhere');
  await patch(null);
  await untilStrategy('sequential');
  await patch('sequential');
  expect(await setPoolStrategy(ledger, 'vultr', 'random', 'ada')).toBe('changed');
  await touch('vultr');
  await untilReason('vultr', 'RandomElsewhere');
  expect(await messageOf('vultr')).toContain('`rock-mac pool strategy vultr sequential`');
  expect(await poolInLedger('vultr')).toMatchObject({ strategy: 'random' });
  expect(await setPoolStrategy(ledger, 'vultr', 'sequential', 'ada')).toBe('changed');
  await untilReason('vultr', 'Defined');
});

test('a MacPool without a strategy follows the ledger, and one that asks for another one names who decides', async () => {
  const { ledger } = installed();
  await registerCluster(ledger, { clusterId: 'uid-of-shop', name: 'shop' }, 'test');
  expect(await setPoolStrategy(ledger, 'docker', 'random', 'operator', 'uid-of-shop')).toBe('changed');
  await touch('docker');
  await kubectl('wait', '--for=jsonpath={.status.strategy}=random', 'macpool/docker', '--timeout=45s');
  await untilReason('docker', 'Defined');
  await kubectl('patch', 'macpool', 'docker', '--type=merge', '-p', '{"spec":{"strategy":"sequential"}}');
  await untilReason('docker', 'RandomElsewhere');
  expect(await messageOf('docker')).toMatch(/cluster shop .*`kubectl rock-mac pool strategy docker sequential`/);
  await retireCluster(ledger, 'uid-of-shop', 'test');
  await touch('docker');
  await eventually(async () => {
    expect(await messageOf('docker')).toMatch(
      /A person, or a cluster that is retired, .*`rock-mac pool strategy docker sequential`/,
    );
  }, patience);
});
