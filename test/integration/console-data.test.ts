import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { openConsole } from '../../cli/cluster-mode/open.ts';
import type { ConsoleSource } from '../../cli/console/source.ts';
import { observe } from '../../ledger/observation/observe.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { aClaim, installedEnvOfThisFile, untilReason } from './installed-env.ts';

const installed = installedEnvOfThisFile({ operators: 1 });

let claimed: string;

beforeAll(async () => {
  const { plane } = installed();
  await plane.kubectl(['create', 'clusterrolebinding', 'ada', '--clusterrole=rock-mac-auditor', '--user=ada']);
  await plane.kubectl(['create', 'rolebinding', 'vic', '-n', 'default', '--clusterrole=rock-mac-viewer', '--user=vic']);
  await plane.kubectl(['create', '-f', '-'], { input: aClaim('shown', { pool: 'production' }) });
  claimed = (await untilReason(plane, 'shown', 'Allocated')).status?.mac ?? '';
}, 60_000);

async function consoleOf(user: string): Promise<ConsoleSource> {
  const source = await openConsole({ kubeconfig: await installed().plane.userKubeconfig(user) }, () => undefined);
  onTestFinished(() => source.close());
  return source;
}

test('an auditor sees the whole ledger', async () => {
  const source = await consoleOf('ada');
  await eventually(
    async () => {
      expect(await source.about()).toMatchObject({ mode: 'cluster', user: 'ada', missing: [] });
    },
    { within: 60_000 },
  );
  expect(await source.search('show', 10)).toMatchObject([{ mac: claimed, found: 'owner', value: 'shown' }]);
  expect(await source.address(mac(claimed))).toMatchObject({ state: 'active', pool: 'production' });
  const { ledger } = installed();
  const [cluster] = await source.clusters();
  const pod = {
    clusterId: cluster?.clusterId ?? '',
    kind: 'Pod',
    namespace: 'default',
    name: 'stray',
    uid: 'u',
    nic: 'eth0',
  };
  await observe(ledger, [{ mac: mac(claimed), object: pod, limited: false }], 'test');
  expect(await source.address(mac(claimed))).toMatchObject({
    conflicts: ['Pod default/stray (eth0) uses the address of MacAllocation default/shown.'],
  });
  expect(await source.neighbours(mac(claimed))).toContainEqual({
    mac: claimed,
    state: 'active',
    holder: 'MacAllocation default/shown',
  });
  expect([...(await source.map(mac(claimed), 2))]).toEqual([4, 0]);
  expect((await source.pools()).find(({ pool }) => pool === 'production')).toMatchObject({
    active: 1,
    conditions: expect.arrayContaining([expect.objectContaining({ type: 'Ready' })]) as unknown[],
  });
  expect(await source.clusters()).toMatchObject([{ addresses: 1, objects: 1 }]);
  expect(await source.ledgerState()).toMatchObject({ mode: 'open' });
  await eventually(
    async () => {
      expect(await source.history('production', 1)).toMatchObject([{ held: 1, handedOut: 1, released: 0 }]);
      expect((await source.ledgerState())?.seals).toMatchObject({ unsealed: 0, forks: 0 });
    },
    { within: 60_000 },
  );
  const { entries } = await source.audit({ limit: 10, mac: claimed });
  expect(entries.length).toBeGreaterThan(0);
  const following = source.audit({ limit: 10, afterId: Number(entries[0]?.metadata.name) });
  await installed().plane.kubectl(['delete', 'macallocation', 'shown']);
  expect((await following).entries).toMatchObject([{ mac: claimed, action: 'release' }]);
});

test('a viewer of a namespace sees its MacAllocations, and what is missing', async () => {
  const { plane } = installed();
  await plane.kubectl(['create', '-f', '-'], { input: aClaim('seen', { pool: 'production' }) });
  const { status } = await untilReason(plane, 'seen', 'Allocated');
  const seen = status?.mac ?? '';
  const source = await consoleOf('vic');
  const { missing } = await source.about();
  expect(missing.map(({ part }) => part)).toEqual(['addresses', 'audit', 'history', 'clusters', 'ledger']);
  expect(await source.search('see', 10)).toMatchObject([{ mac: seen, found: 'owner' }]);
  expect(await source.address(mac(seen))).toMatchObject({ mac: seen, pool: 'production' });
  expect(await source.address(mac('a4:58:0f:05:00:00'))).toBeUndefined();
  expect([...(await source.map(mac(seen), 2))]).toEqual([4, 0]);
  expect(await source.neighbours(mac(seen))).toContainEqual({
    mac: seen,
    state: 'active',
    holder: 'MacAllocation default/seen',
  });
  expect((await source.pools()).map(({ pool }) => pool)).toContain('production');
  expect(await source.history('production', 30)).toEqual([]);
  expect(await source.clusters()).toEqual([]);
  expect(await source.ledgerState()).toBeUndefined();
  await expect(source.audit({ limit: 1 })).rejects.toThrow(/The audit needs the ledger's read API/);
});
