import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { adopt, type AdoptItem } from '../../ledger/address/adopt.ts';
import { allocate, type AllocationRequest } from '../../ledger/address/allocate.ts';
import { release } from '../../ledger/address/release.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { migrate } from '../../ledger/migrate.ts';
import { definePool } from '../../ledger/pool/pools.ts';
import { ledgerHeadOf } from '../../ledger/state/ledger-head.ts';
import { approveRecovery, markReported, recoverIfBehind, recoverIfNeeded } from '../../ledger/state/recovery.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { mac, type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import { startTcpProxy } from '../env/network/tcp-proxy.ts';
import { type Postgres, startPostgres } from '../env/postgres/postgres.ts';
import { eventually } from '../env/run/eventually.ts';
import { openRun, type Run } from '../env/run/run.ts';
import { aRequest, findingsExceptClock, joinCluster } from '../integration/ledger-fixture.ts';
import { archiveFolder, baseBackupOf, type Copy, copyOf, promote, replicated } from './ledger-standby.ts';

const LOST = 500;
const small = {
  name: 'small',
  first: mac('a4:58:0f:50:00:00'),
  last: mac('a4:58:0f:50:00:3f'),
  description: '',
  autoReleaseSeconds: null,
  reuseDelaySeconds: 60,
};

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

/** Starts a primary with a ledger; everything is removed when the test ends. */
async function aPrimary(
  settings: (testEnv: Run) => Promise<Readonly<Record<string, string>>> = () => Promise.resolve({}),
): Promise<{ testEnv: Run; primary: Postgres }> {
  const testEnv = await openRun();
  closers.push(() => testEnv.close());
  const primary = await startPostgres({
    run: testEnv,
    fsync: false,
    name: 'primary',
    settings: await settings(testEnv),
  });
  await migrate(primary.url());
  return { testEnv, primary };
}

function ledgerAt(url: string): LedgerClient {
  const db = openLedger({ url, applicationName: 'test', max: 2, statementTimeoutMs: 30_000, connectTimeoutMs: 5_000 });
  closers.push(() => db.close());
  return db;
}

function podRequest(key: string): AllocationRequest {
  const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: key, nic: 'eth0' };
  return aRequest({ key, pool: 'kubernetes', state: 'pending', owner });
}

/** Returns acknowledged addresses with their keys. */
async function acknowledged(
  db: LedgerClient,
  requests: readonly AllocationRequest[],
): Promise<Map<MacAddress, string>> {
  const macs = new Map<MacAddress, string>();
  for (let from = 0; from < requests.length; from += 100) {
    const group = requests.slice(from, from + 100);
    const results = await allocate(db, group[0]?.pool ?? '', group, { leaseSeconds: 120 });
    results.forEach((result, index) => {
      if (result.outcome !== 'allocated') throw new Error(`not allocated: ${JSON.stringify(result)}`);
      macs.set(result.mac, group[index]?.key ?? '');
    });
  }
  return macs;
}

const many = (count: number, word: string, make = (key: string) => aRequest({ key })) =>
  Array.from({ length: count }, (_, n) => make(`${word}-${String(n)}`));

/** Returns the report of `c1` after a recovery: the addresses of its live pods. */
function usedBy(pods: ReadonlyMap<MacAddress, string>): AdoptItem[] {
  return [...pods].map(([address, name]) => ({
    mac: address,
    key: `bound/${name}`,
    owner: { clusterId: 'c1', kind: 'Pod', namespace: 'team', name, uid: `uid-${name}`, nic: 'eth0' },
    requester: 'test',
  }));
}

function twice(lost: Iterable<MacAddress>, later: ReadonlyMap<MacAddress, string>): MacAddress[] {
  return [...lost].filter((address) => later.has(address));
}

/** Defines a pool whose 64 addresses were all released long ago, so the next allocations come from its queue. */
async function aUsedPool(db: LedgerClient): Promise<void> {
  await definePool(db, small, 'test');
  const requests = many(64, 'used', (key) => aRequest({ key, pool: small.name }));
  const used = await acknowledged(db, requests);
  const items = [...used].map(([address, key]) => ({ mac: address, generation: 1, key }));
  await release(db, items, { actor: 'test', reason: 'test' });
  await db.connections
    .query(`create or replace function rock_mac.clock() returns timestamptz language sql volatile parallel safe
                       return clock_timestamp() + interval '1 hour';
                       update rock_mac.clock_trust set agreed_at = rock_mac.clock()`);
}

test('a standby that lost the last 500 acknowledged allocations hands out none of them, and opens', async () => {
  const { testEnv, primary } = await aPrimary();
  await primary.stop();
  const standby = await copyOf(primary, testEnv, 'standby');
  await primary.start();
  const link = await startTcpProxy({ host: '127.0.0.1', port: primary.port });
  closers.push(() => link.close());
  await standby.follow(link);
  await standby.start();

  const before = ledgerAt(primary.url());
  await joinCluster(before, 'c1');
  await aUsedPool(before);
  await acknowledged(before, many(50, 'kept'));
  const after = ledgerAt(standby.url);
  await replicated(after, before);
  expect((await ledgerState(after)).closed).toMatchObject({ why: 'read_only' });

  await link.cut();
  const devices = await acknowledged(before, many(LOST, 'lost'));
  const pods = await acknowledged(before, many(LOST, 'pod', podRequest));
  const reused = await acknowledged(
    before,
    many(32, 'reused', (key) => aRequest({ key, pool: small.name })),
  );
  await primary.kill();
  await promote(after);

  expect(await allocate(after, 'development', many(1, 'early'), { leaseSeconds: 120 })).toEqual([
    { outcome: 'not_open', why: 'timeline_changed' },
  ]);
  const state = await recoverIfNeeded(after, 'operator');
  expect(state).toMatchObject({ epoch: 2, closed: { why: 'recovering' }, missingClusters: [{ clusterId: 'c1' }] });
  const adopted = await adopt(after, usedBy(pods), 'operator');
  expect(new Set(adopted.map(({ outcome }) => outcome))).toEqual(new Set(['adopted']));
  expect(await markReported(after, { clusterId: 'c1', epoch: 2 }, 'operator')).toBe('open');

  const laterDevices = await acknowledged(after, many(2 * LOST, 'later'));
  const laterPods = await acknowledged(after, many(2 * LOST, 'later-pod', podRequest));
  expect(twice(devices.keys(), laterDevices)).toEqual([]);
  expect(twice(pods.keys(), laterPods)).toEqual([]);
  const again = await allocate(
    after,
    small.name,
    many(64, 'again', (key) => aRequest({ key, pool: small.name })),
    {
      leaseSeconds: 120,
    },
  );
  expect(again.filter((result) => result.outcome === 'allocated' && reused.has(result.mac))).toEqual([]);
  expect(await findingsExceptClock(after)).toEqual([]);
});

/** Starts a primary that waits for `first`, with `second` beside it. */
async function aQuorum(testEnv: Run, primary: Postgres): Promise<{ first: Copy; second: Copy }> {
  await primary.stop();
  const first = await copyOf(primary, testEnv, 'one');
  const second = await copyOf(primary, testEnv, 'two');
  await primary.start();
  for (const copy of [first, second]) {
    await copy.follow({ host: '127.0.0.1', port: primary.port });
    await copy.start();
  }
  return { first, second };
}

test('under quorum a standby has every acknowledged allocation: it opens at once, and nothing is orphaned', async () => {
  const { testEnv, primary } = await aPrimary();
  const { first, second } = await aQuorum(testEnv, primary);
  const before = ledgerAt(primary.url());
  await before.connections.query(`update rock_mac.ledger_state set durability = 'quorum'`);
  expect(await allocate(before, 'development', many(1, 'alone'), { leaseSeconds: 120 })).toEqual([
    { outcome: 'not_open', why: 'not_durable' },
  ]);
  await before.connections.query(`alter system set synchronous_standby_names = 'one'`);
  await before.connections.query('select pg_reload_conf()');
  await eventually(async () => {
    expect((await ledgerState(before)).closed).toBeUndefined();
  });
  const kept = await acknowledged(before, many(LOST, 'kept'));
  await primary.kill();

  const after = ledgerAt(first.url);
  await promote(after);
  await after.connections.query(`alter system set synchronous_standby_names = 'two'`);
  await after.connections.query('select pg_reload_conf()');
  await second.stop();
  await second.follow({ host: '127.0.0.1', port: first.port });
  await second.start();
  const state = await recoverIfNeeded(after, 'operator');
  expect(state).toMatchObject({ epoch: 2, durability: 'quorum', mode: 'open' });
  expect(state.closed).toBeUndefined();

  const later = await acknowledged(after, many(LOST, 'later'));
  expect(twice(kept.keys(), later)).toEqual([]);
  expect(Math.min(...[...later.keys()].map(macToNumber))).toBe(Math.max(...[...kept.keys()].map(macToNumber)) + 1);
  const replayed = await allocate(after, 'development', many(100, 'kept'), { leaseSeconds: 120 });
  expect(new Set(replayed.map(({ outcome }) => outcome))).toEqual(new Set(['replayed']));
  expect(await checkLedger(after)).toEqual([]);
});

test("a restored old backup is detected by the operator's stored head, and opens after an admin approves", async () => {
  const { testEnv, primary } = await aPrimary();
  const before = ledgerAt(primary.url());
  await joinCluster(before, 'c1');
  await acknowledged(before, many(100, 'old'));
  await primary.stop();
  const backup = await copyOf(primary, testEnv, 'backup');
  await primary.start();

  const devices = await acknowledged(before, many(1_000, 'new'));
  const pods = await acknowledged(before, many(2_000, 'pod', podRequest));
  const remembered = ledgerHeadOf(await ledgerState(before));
  await primary.kill();
  await backup.start();

  const after = ledgerAt(backup.url);
  expect((await ledgerState(after)).closed).toBeUndefined(); // the database itself cannot know
  const state = await recoverIfBehind(after, remembered, 'operator');
  expect(state).toMatchObject({ epoch: 2, needsApproval: true, closed: { why: 'recovering' } });
  expect(state.closed?.message).toContain('rock-mac recover --approve');
  expect(await recoverIfBehind(after, remembered, 'another operator')).toMatchObject({ epoch: 2 });

  await adopt(after, usedBy(pods), 'operator');
  const { epoch } = await ledgerState(after);
  expect(await markReported(after, { clusterId: 'c1', epoch }, 'operator')).toBe('recovering');
  expect(await approveRecovery(after)).toBe('open');

  expect(twice(devices.keys(), await acknowledged(after, many(1_000, 'later')))).toEqual([]);
  expect(twice(pods.keys(), await acknowledged(after, many(1_000, 'later-pod', podRequest)))).toEqual([]);
  expect(await checkLedger(after)).toEqual([]);
});

test('a point-in-time restore hands out nothing twice, and reports how much is lost', async () => {
  let archive = '';
  const { testEnv, primary } = await aPrimary(async (run) => {
    archive = await archiveFolder(run);
    return { archive_mode: 'on', archive_command: `cp %p ${archive}/%f` };
  });
  const before = ledgerAt(primary.url());
  await joinCluster(before, 'c1');
  await acknowledged(before, many(100, 'old'));
  const restored = await baseBackupOf(primary, testEnv, 'restored');
  const kept = await acknowledged(before, many(100, 'kept'));
  await before.connections.query(`select pg_create_restore_point('barrier')`);
  const devices = await acknowledged(before, many(LOST, 'lost'));
  const pods = await acknowledged(before, many(LOST, 'pod', podRequest));
  const head = ledgerHeadOf(await ledgerState(before));
  const wal = z.object({ name: z.string() });
  const [last] = await before.query({ text: 'select pg_walfile_name(pg_switch_wal()) as name', values: [], row: wal });
  const archived = { text: 'select last_archived_wal as name from pg_stat_archiver', values: [], row: wal };
  await eventually(
    async () => {
      expect((await before.query(archived))[0]?.name).toBe(last?.name);
    },
    { within: 30_000 },
  );
  await primary.kill();
  await restored.replayUpTo('barrier', archive);
  await restored.start();

  const after = ledgerAt(restored.url);
  await eventually(async () => {
    expect((await ledgerState(after)).closed).toMatchObject({ why: 'timeline_changed' });
  });
  const replayed = await recoverIfBehind(after, head, 'operator');
  expect(replayed).toMatchObject({ epoch: 2, needsApproval: false, closed: { why: 'recovering' } });
  await adopt(after, usedBy(pods), 'operator');
  expect(await markReported(after, { clusterId: 'c1', epoch: 2 }, 'operator')).toBe('open');
  const again = await allocate(after, 'development', many(100, 'kept'), { leaseSeconds: 120 });
  expect(again.map((result) => result.outcome === 'replayed' && result.mac)).toEqual([...kept.keys()]);
  expect(twice(devices.keys(), await acknowledged(after, many(2 * LOST, 'later')))).toEqual([]);
  expect(twice(pods.keys(), await acknowledged(after, many(2 * LOST, 'later-pod', podRequest)))).toEqual([]);
  expect(await checkLedger(after)).toEqual([]);
});
