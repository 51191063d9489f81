import { afterEach, expect, test } from 'vitest';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import { adopt } from '../../ledger/address/adopt.ts';
import { allocate } from '../../ledger/address/allocate.ts';
import { bind } from '../../ledger/address/bind.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import { release } from '../../ledger/address/release.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { migrate } from '../../ledger/migrate.ts';
import { definePool } from '../../ledger/pool/pools.ts';
import { freeGap, markReported, recoverIfNeeded } from '../../ledger/state/recovery.ts';
import { assignStock, returnStock, type StockAssignment } from '../../ledger/stock/leave-stock.ts';
import { checkStock, dropStock, fillStock, stockEpoch, type StockHolder } from '../../ledger/stock/stock.ts';
import { mac, type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import { startTcpProxy } from '../env/network/tcp-proxy.ts';
import { startPostgres } from '../env/postgres/postgres.ts';
import { openRun } from '../env/run/run.ts';
import { aRequest, findingsExceptClock, joinCluster } from '../integration/ledger-fixture.ts';
import { copyOf, promote, replicated } from './ledger-standby.ts';

const by = { actor: 'test', reason: 'test' };
const SIZE = 1_024;
const pool = {
  name: 'used',
  first: mac('a4:58:0f:50:00:00'),
  last: mac('a4:58:0f:50:03:ff'),
  description: '',
  autoReleaseSeconds: null,
  reuseDelaySeconds: 3_600,
};

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

function ledgerAt(url: string): LedgerClient {
  const db = openLedger({ url, applicationName: 'test', max: 2, statementTimeoutMs: 30_000, connectTimeoutMs: 5_000 });
  closers.push(() => db.close());
  return db;
}

/** Starts a primary, and a standby that follows it through a link. */
async function aPrimaryWithStandby() {
  const testEnv = await openRun();
  closers.push(() => testEnv.close());
  const primary = await startPostgres({ run: testEnv, fsync: false, name: 'primary' });
  await migrate(primary.url());
  await primary.stop();
  const standby = await copyOf(primary, testEnv, 'standby');
  await primary.start();
  const link = await startTcpProxy({ host: '127.0.0.1', port: primary.port });
  closers.push(() => link.close());
  await standby.follow(link);
  await standby.start();
  return { primary, link, before: ledgerAt(primary.url()), after: ledgerAt(standby.url) };
}

/** Moves the clock of the ledger. */
async function passHours(db: LedgerClient, hours: number): Promise<void> {
  await db.connections.query(`
    create or replace function rock_mac.clock() returns timestamptz language sql volatile parallel safe
      return clock_timestamp() + interval '${String(hours)} hours';
    update rock_mac.clock_trust set agreed_at = rock_mac.clock()`);
}

/** Defines a pool whose addresses were all released long ago, so a returned one is the next to be handed out. */
async function aUsedPool(db: LedgerClient): Promise<void> {
  await definePool(db, pool, 'test');
  const keys = Array.from({ length: SIZE }, (_, n) => `used-${String(n)}`);
  const requests = keys.map((key) =>
    aRequest({ key, pool: pool.name, owner: { ...podOf(key), kind: 'MacAllocation' } }),
  );
  const results = await allocate(db, pool.name, requests, { leaseSeconds: 120 });
  const held = results.flatMap((each, n) =>
    each.outcome === 'allocated' ? [{ mac: each.mac, generation: each.generation, key: keys[n] ?? '' }] : [],
  );
  await release(db, held, by);
  await passHours(db, 2);
}

function podOf(name: string) {
  return { clusterId: 'c1', kind: 'Pod', namespace: 'team', name, nic: 'eth0' };
}

/** What the API server has stored: the pods by their addresses. Throws if two pods get one address. */
function createPods() {
  const pods = new Map<MacAddress, string>();
  return {
    pods,
    create: (pod: string, address: MacAddress) => {
      const other = pods.get(address);
      if (other !== undefined) throw new Error(`${pod} got ${address}, which ${other} has`);
      pods.set(address, pod);
    },
  };
}

/** A webhook with a stock in memory. It goes on answering, whatever becomes of the ledger. */
function createHolder(id: string, create: (pod: string, address: MacAddress) => void) {
  const me: StockHolder = { clusterId: 'c1', id, podName: `webhook-${id}`, podUid: `uid of ${id}` };
  let ready: AddressRef[] = [];
  let unreported: StockAssignment[] = [];
  let answers = 0;
  return {
    fill: async (db: LedgerClient, count: number) => {
      const request = {
        pool: pool.name,
        count,
        fillId: `${id}-${String(answers)}`,
        ticket: undefined,
        actor: 'webhook',
      };
      ready.push(...(await fillStock(db, me, request)));
    },
    check: async (db: LedgerClient) => {
      const epoch = await stockEpoch(db);
      const keys = new Set((await checkStock(db, me, undefined)).map(({ key }) => key));
      ready = ready.filter(({ key }) => keys.has(key));
      await dropStock(db, me, epoch);
      return ready.length;
    },
    answer: (count: number) => {
      for (const address of ready.splice(0, count)) {
        const pod = `${id}-${String(++answers)}`;
        create(pod, address.mac);
        const who = { boundKey: `named/${pod}`, owner: podOf(pod), requester: `author of ${pod}` };
        unreported.push({ ...address, ...who, reason: 'from stock' });
      }
    },
    report: async (db: LedgerClient) => {
      const reported = unreported;
      unreported = [];
      const results = await assignStock(db, reported, { leaseSeconds: 120, actor: 'webhook' });
      return results.map(({ outcome }) => outcome);
    },
    returnUnused: async (db: LedgerClient, count: number) => {
      await returnStock(db, ready.splice(0, count), { ...by, unused: true });
    },
    size: () => ready.length,
  };
}

/** The operator: every stored pod is bound to its address, or adopts it with the proof of its mirror. Returns the outcomes. */
async function reconcile(db: LedgerClient, pods: ReadonlyMap<MacAddress, string>): Promise<Set<string>> {
  const outcomes = new Set<string>();
  for (const [address, pod] of pods) {
    const owner = { ...podOf(pod), uid: `uid of ${pod}` };
    const key = boundKey({ ...owner, mac: address });
    const row = await findByMac(db, address);
    const bound = { mac: address, key: row?.key ?? '', boundKey: key, owner, requester: 'of the token' };
    const [result] = await bind(db, [bound], 'operator');
    if (result?.outcome === 'bound') outcomes.add('bound');
    else
      outcomes.add(
        (await adopt(db, [{ mac: address, key, owner, requester: 'operator' }], 'operator'))[0]?.outcome ?? '',
      );
  }
  return outcomes;
}

async function allocatePods(
  db: LedgerClient,
  names: readonly string[],
  create: (pod: string, address: MacAddress) => void,
) {
  const requests = names.map((name) =>
    aRequest({ key: `named/${name}`, pool: pool.name, state: 'pending', owner: podOf(name) }),
  );
  const results = await allocate(db, pool.name, requests, { leaseSeconds: 120 });
  results.forEach((result, n) => {
    if (result.outcome === 'allocated') create(names[n] ?? '', result.mac);
  });
  return results.filter(({ outcome }) => outcome === 'allocated').length;
}

const named = (word: string, count: number) => Array.from({ length: count }, (_, n) => `${word}-${String(n)}`);

async function count(db: LedgerClient, condition: string): Promise<number> {
  const text = `select count(*)::int as count from rock_mac.addresses where ${condition}`;
  const { rows } = await db.connections.query<{ count: number }>(text);
  return rows[0]?.count ?? 0;
}

/** Counts the addresses of the pool that a recovery has set aside. */
function orphans(db: LedgerClient): Promise<number> {
  return count(
    db,
    `state = 'orphaned' and holder_key not like 'object/%' and addr between ${String(macToNumber(pool.first))} and ${String(macToNumber(pool.last))}`,
  );
}

test('a standby that lost the end of a stock gives no address of a pod to another one, while a webhook answers from memory', async () => {
  const { primary, link, before, after } = await aPrimaryWithStandby();
  const { pods, create } = createPods();
  const [first, second] = [createHolder('first', create), createHolder('second', create)];
  await joinCluster(before, 'c1');
  await aUsedPool(before);
  await before.connections.query('update rock_mac.ledger_state set replication_gap = 256');
  for (const holder of [first, second]) {
    await holder.check(before);
    await holder.fill(before, 24);
  }
  first.answer(4);
  expect(new Set(await first.report(before))).toEqual(new Set(['assigned']));
  await reconcile(before, pods);
  await replicated(after, before);

  // From here on, the standby knows nothing of what the primary acknowledges.
  await link.cut();
  first.answer(6);
  await first.report(before);
  second.answer(4);
  await reconcile(before, pods);
  await second.returnUnused(before, 10);
  await first.fill(before, 12);
  expect(await allocatePods(before, named('lost', 40), create)).toBe(40);
  expect(await first.check(before)).toBe(first.size());
  first.answer(first.size() - 4); // also of the fill that will be lost
  await primary.kill();

  first.answer(2);
  await promote(after);
  second.answer(2);
  await expect(first.check(after)).rejects.toThrow('no stock is known');
  expect(await recoverIfNeeded(after, 'operator')).toMatchObject({ epoch: 2, closed: { why: 'recovering' } });
  expect(await count(after, `state = 'stocked'`)).toBe(0);
  expect(await reconcile(after, pods)).toEqual(new Set(['bound', 'adopted']));
  first.answer(1); // it has not heard of the recovery
  expect(await markReported(after, { clusterId: 'c1', epoch: 2 }, 'operator')).toBe('open');

  // The second webhook cannot reach the ledger for hours. Nobody gets what it may answer with.
  expect(await first.check(after)).toBe(0);
  expect(new Set(await first.report(after))).toEqual(new Set(['not_stocked']));
  await passHours(after, 30);
  await after.connections.query('update rock_mac.clusters set last_resync_at = rock_mac.clock()');
  const setAside = await orphans(after);
  await freeGap(after, { actor: 'operator' });
  expect(await orphans(after)).toBe(setAside);
  await first.fill(after, 24);
  expect(first.size()).toBeGreaterThan(8);
  first.answer(8);
  const later = await allocatePods(after, named('later', 600), create);
  expect(later).toBeGreaterThan(400);
  second.answer(second.size());
  expect(await second.check(after)).toBe(0);

  await first.report(after);
  await second.report(after);
  await reconcile(after, pods);
  for (const [address, pod] of pods) {
    expect(await findByMac(after, address)).toMatchObject({ state: 'active', owner: podOf(pod) });
  }
  expect(await findingsExceptClock(after)).toEqual([]);
});
