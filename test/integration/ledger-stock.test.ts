import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import { adopt } from '../../ledger/address/adopt.ts';
import { allocate } from '../../ledger/address/allocate.ts';
import { bind } from '../../ledger/address/bind.ts';
import { expiredLeases } from '../../ledger/address/expired-leases.ts';
import { findByMac, findByMacs } from '../../ledger/address/find.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import { release } from '../../ledger/address/release.ts';
import { releaseExpired } from '../../ledger/address/release-expired.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { followAudit } from '../../ledger/follow-audit.ts';
import { endObservations } from '../../ledger/observation/observations.ts';
import { observe } from '../../ledger/observation/observe.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { definePool, limitPool, pausePool } from '../../ledger/pool/pools.ts';
import { retireCluster } from '../../ledger/state/clusters.ts';
import { showTicket } from '../../ledger/state/identity.ts';
import { freeGap, markReported, recover, recoverIfNeeded } from '../../ledger/state/recovery.ts';
import { assignStock, returnStock, type StockAssignment } from '../../ledger/stock/leave-stock.ts';
import {
  checkStock,
  dropStock,
  fillStock,
  listStock,
  stockEpoch,
  type StockHolder,
  stockOf,
  undroppedStock,
} from '../../ledger/stock/stock.ts';
import { type MacAddress, macToNumber, numberToMac } from '../../mac/mac-address.ts';
import { eventually } from '../env/testing.ts';
import { auditAndTable, replay } from './ledger-audit-replay.ts';
import {
  aPodRequest,
  aRequest,
  freshLedger,
  joinCluster,
  LEASE_SECONDS,
  requestAddress,
  takeAddress,
  type TestLedger,
} from './ledger-fixture.ts';
import { loginsOfThisFile } from './ledger-logins.ts';

let ledger: TestLedger;
const createLogin = loginsOfThisFile();
const by = { actor: 'test', reason: 'test' };
const DAY = 86_400;
/** Of the pools that this file defines. */
const REUSE_DELAY = 3_600;

beforeEach(async () => {
  ledger = await freshLedger();
  await joinCluster(ledger.db, 'c1');
});

/** After every test the ledger is consistent, and its audit replays to its table. */
afterEach(async () => {
  const { entries, table } = await auditAndTable(ledger.db);
  expect(replay(entries)).toEqual(table);
  const findings = await checkLedger(ledger.db);
  expect(findings.filter(({ rule }) => rule !== 'guards-in-place')).toEqual([]); // these tests replace the clock
  await ledger.close();
});

function holder(id: string, clusterId = 'c1'): StockHolder {
  return { clusterId, id, podName: `webhook-${id}`, podUid: `uid of ${id}` };
}

/** Defines a pool of so many addresses. */
async function aPool(name: string, size: number): Promise<string> {
  const [first, periods] = [0xa4_58_0f_20_00_00, { autoReleaseSeconds: null, reuseDelaySeconds: REUSE_DELAY }];
  const ends = { first: numberToMac(first), last: numberToMac(first + size - 1) };
  expect(await definePool(ledger.db, { name, ...ends, description: '', ...periods }, 'test')).toBe('defined');
  return name;
}

interface Fill {
  readonly pool?: string;
  readonly count?: number;
  readonly fillId?: string;
  readonly ticket?: string;
}

let fills = 0;

/** Fills the stock of a holder, which reports first. */
async function fill(of: StockHolder, options: Fill = {}, db = ledger.db): Promise<readonly AddressRef[]> {
  const { pool = 'kubernetes', count = 4, fillId = `fill-${String(++fills)}`, ticket } = options;
  await checkStock(db, of, undefined);
  return fillStock(db, of, { pool, count, fillId, ticket, actor: 'webhook' });
}

/** Fills a stock with one address. */
async function stocked(of: StockHolder, options: Fill = {}): Promise<AddressRef> {
  const [address] = await fill(of, { ...options, count: 1 });
  if (address === undefined) throw new Error('the ledger gave nothing');
  return address;
}

function podOf(name: string, clusterId = 'c1') {
  return { clusterId, kind: 'Pod', namespace: 'team', name, nic: 'eth0' };
}

/** The answer of a webhook to the create of a pod. */
function answer(address: AddressRef, pod: string): StockAssignment {
  const who = { boundKey: `named/${pod}`, owner: podOf(pod), requester: `author of ${pod}` };
  return { ...address, ...who, reason: 'admission, from stock' };
}

async function assign(...items: readonly StockAssignment[]): Promise<string[]> {
  const results = await assignStock(ledger.db, items, { leaseSeconds: LEASE_SECONDS, actor: 'webhook' });
  return results.map(({ outcome }) => outcome);
}

async function leave(addresses: readonly AddressRef[], how: 'unused' | 'of a dead holder', db = ledger.db) {
  const results = await returnStock(db, addresses, { unused: how === 'unused', actor: 'operator', reason: how });
  return results.map(({ outcome }) => outcome);
}

/** Binds an address to a stored pod. A requester says that the pod has a valid token. */
async function bindTo({ mac, key }: Pick<AddressRef, 'mac' | 'key'>, pod: string, requester?: string): Promise<string> {
  const owner = { ...podOf(pod), uid: `uid of ${pod}` };
  const [result] = await bind(
    ledger.db,
    [{ mac, key, boundKey: boundKey({ ...owner, mac }), owner, requester }],
    'test',
  );
  return result?.outcome ?? 'nothing';
}

async function rowOf(mac: MacAddress) {
  const row = await findByMac(ledger.db, mac);
  if (row === undefined) throw new Error(`the ledger does not know ${mac}`);
  return row;
}

/** Returns for how long a released address waits, in seconds. */
async function waitOf(mac: MacAddress): Promise<number> {
  const { state, reusableAt, changedAt } = await rowOf(mac);
  expect(state).toBe('released');
  return (Number(reusableAt) - Number(changedAt)) / 1_000;
}

async function statsOf(pool: string) {
  const stats = (await poolStats(ledger.db)).find((each) => each.pool === pool);
  if (stats === undefined) throw new Error(`there is no pool ${pool}`);
  return stats;
}

/** Lets the database fail over, and starts the recovery. */
async function failOver(epoch = 1): Promise<void> {
  await ledger.sql(`update rock_mac.ledger_state set timeline = 'before'`);
  await recover(ledger.db, { expected: epoch, actor: 'operator' });
}

/** A resync of the cluster ends, which saw nothing. */
async function resynced(clusterId = 'c1'): Promise<void> {
  await ledger.sql('update rock_mac.clusters set last_resync_at = rock_mac.clock() where cluster_id = $1', [clusterId]);
}

async function actionsOf(mac: MacAddress) {
  const { entries } = await followAudit(ledger.db, 0, { mac });
  return entries.map(({ action, user, owner }) => [action, user, owner]);
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'no error';
  } catch (error) {
    if (isLedgerError(error)) return error.code;
    throw error;
  }
}

test('a fill sets the next addresses of the pool aside, in their order', async () => {
  const before = await takeAddress(ledger, aPodRequest('before'));
  const got = await fill(holder('h1'), { count: 3 });
  expect(got.map(({ mac }) => macToNumber(mac) - macToNumber(before.mac))).toEqual([1, 2, 3]);
  const after = await takeAddress(ledger, aPodRequest('after'));
  expect(macToNumber(after.mac) - macToNumber(before.mac)).toBe(4);
  expect(await stockOf(ledger.db, holder('h1'))).toEqual(got);
});

test('a cluster gets at most a sixteenth of what is free, for all its holders together', async () => {
  const pool = await aPool('shared', 320);
  expect(await fill(holder('h1'), { pool, count: 15 })).toHaveLength(15);
  expect(await fill(holder('h2'), { pool, count: 512 })).toHaveLength(4);
  expect(await fill(holder('h3'), { pool, count: 512 })).toEqual([]);
  await joinCluster(ledger.db, 'c2');
  expect(await fill(holder('other', 'c2'), { pool, count: 512 })).toHaveLength(18);
});

test('two fills at once share a sixteenth', async () => {
  const pool = await aPool('shared', 1_600);
  const holders = [holder('h1'), holder('h2')];
  for (const each of holders) await checkStock(ledger.db, each, undefined);
  const fills = await ledger.db.transaction(async (transaction) => {
    await transaction.query({
      text: `select name from rock_mac.pools where name = 'shared' for update`,
      values: [],
      row: z.object({}),
    });
    const running = holders.map((each) =>
      fillStock(ledger.db, each, { pool, count: 100, fillId: each.id, ticket: undefined, actor: 'webhook' }),
    );
    const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
    await eventually(async () => {
      expect(await ledger.sql(waiting)).toHaveLength(2);
    });
    return { running };
  });
  const got = (await Promise.all(fills.running)).flat();
  expect(got).toHaveLength(100);
  expect(new Set(got.map(({ mac }) => mac)).size).toBe(100);
});

test('a small pool, and one that is nearly used up, have no stock', async () => {
  expect(await fill(holder('h1'), { pool: await aPool('small', 15) })).toEqual([]);
  const last = macToNumber((await statsOf('docker')).first) + 14;
  await ledger.sql(`update rock_mac.pools set last = $1 where name = 'docker'`, [last]);
  expect(await fill(holder('h1'), { pool: 'docker' })).toEqual([]);
});

test('released addresses count as free, and are stock again, once their reuse delay has passed', async () => {
  const pool = await aPool('used', 64);
  const requests = Array.from({ length: 64 }, (_, n) => aRequest({ key: `k${String(n)}`, pool }));
  const results = await allocate(ledger.db, pool, requests, { leaseSeconds: LEASE_SECONDS });
  const held = results.flatMap((each, n) =>
    each.outcome === 'allocated' ? [{ mac: each.mac, generation: each.generation, key: `k${String(n)}` }] : [],
  );
  await release(ledger.db, held, by);
  expect(await fill(holder('h1'), { pool, count: 16 })).toEqual([]);
  await ledger.advance(REUSE_DELAY + 1);
  const got = await fill(holder('h1'), { pool, count: 16 });
  expect(got.map(({ mac, generation }) => [mac, generation])).toEqual(held.slice(0, 4).map(({ mac }) => [mac, 2]));
});

test('a paused pool, an unknown one, and one with a limit for each namespace have no stock', async () => {
  await pausePool(ledger.db, 'docker', true, 'test');
  expect(await fill(holder('h1'), { pool: 'docker' })).toEqual([]);
  await limitPool(ledger.db, { clusterId: 'c1', pool: 'vultr' }, 10);
  expect(await fill(holder('h1'), { pool: 'vultr' })).toEqual([]);
  expect(await fill(holder('h1'), { pool: 'nowhere' })).toEqual([]);
});

test('a cluster gets no stock while a namespace has all the pending addresses that it may have', async () => {
  await ledger.sql('update rock_mac.ledger_state set pending_cap = 3');
  const h1 = holder('h1');
  const addresses = await fill(h1, { count: 3 });
  await assign(...addresses.map((address, n) => answer(address, `failing-${String(n)}`)));
  expect(await requestAddress(ledger, aPodRequest('next'))).toEqual({ outcome: 'pending_cap' });
  expect(await fill(h1)).toEqual([]);
  await bindTo({ ...(addresses[0] ?? (await stocked(h1))), key: 'named/failing-0' }, 'failing-0');
  expect(await fill(h1)).toHaveLength(4);
});

test('a holder that did not report gets nothing, nor does one of another cluster', async () => {
  const request = { pool: 'kubernetes', count: 4, fillId: 'f', ticket: undefined, actor: 'webhook' };
  expect(await fillStock(ledger.db, holder('h1'), request)).toEqual([]);
  await joinCluster(ledger.db, 'c2');
  await checkStock(ledger.db, holder('h1'), undefined);
  expect(await fillStock(ledger.db, holder('h1', 'c2'), request)).toEqual([]);
});

test('a fill that is repeated returns the same addresses, also when the share is used up by then', async () => {
  const pool = await aPool('shared', 160);
  const h1 = holder('h1');
  const got = await fill(h1, { pool, count: 512, fillId: 'f' });
  expect(got).toHaveLength(10);
  expect(await fill(h1, { pool, count: 512, fillId: 'f' })).toEqual(got);
});

test('a fill that is repeated returns nothing instead of what its holder has answered with', async () => {
  const h1 = holder('h1');
  const [first, ...others] = await fill(h1, { count: 3, fillId: 'f' });
  if (first === undefined) throw new Error('three addresses');
  await assign(answer(first, 'web-0'));
  expect(await fill(h1, { count: 3, fillId: 'f' })).toEqual(others);
});

test('a fill with a ticket that the chain of the cluster has left behind gets nothing, and its stock may not be used', async () => {
  const h1 = holder('h1');
  await showTicket(ledger.db, { clusterId: 'c1', prev: undefined, next: 't1' }, 'operator');
  const address = await stocked(h1, { ticket: 't1' });
  expect(await fill(h1, { ticket: 'of a copy' })).toEqual([]);
  expect(await checkStock(ledger.db, h1, 't1')).toEqual([{ ...address, isUsable: true }]);
  expect(await checkStock(ledger.db, h1, 'of a copy')).toEqual([{ ...address, isUsable: false }]);
});

test('the processes of a pod are in the order of their starts, also after the clock of the ledger went back', async () => {
  const processes = ['first', 'second'].map((id) => ({ ...holder(id), podName: 'webhook', podUid: 'u' }));
  for (const each of processes) {
    await checkStock(ledger.db, each, undefined);
    await ledger.advance(-REUSE_DELAY);
  }
  const stocks = await listStock(ledger.db);
  expect(stocks.map((each) => each.holder.id)).toEqual(['first', 'second']);
  expect(stocks[0]?.sequence).toBeLessThan(stocks[1]?.sequence ?? 0);
});

test('a process of a copy of the cluster is no holder: it would look like the next process of a pod', async () => {
  await showTicket(ledger.db, { clusterId: 'c1', prev: undefined, next: 't1' }, 'operator');
  await checkStock(ledger.db, holder('h1'), 't1');
  expect(await checkStock(ledger.db, { ...holder('h2'), podUid: 'uid of h1' }, 'of a copy')).toEqual([]);
  expect((await listStock(ledger.db)).map((each) => each.holder.id)).toEqual(['h1']);
});

test('nor is it one with an older ticket, which the webhooks of the copied cluster may still show for some minutes', async () => {
  const h1 = holder('h1');
  await showTicket(ledger.db, { clusterId: 'c1', prev: undefined, next: 't1' }, 'operator');
  await checkStock(ledger.db, h1, 't1');
  for (const [prev, next] of [
    ['t1', 't2'],
    ['t2', 't3'],
  ] as const) {
    await showTicket(ledger.db, { clusterId: 'c1', prev, next }, 'operator');
  }
  const address = await stocked(h1, { ticket: 't1' });
  expect(await checkStock(ledger.db, h1, 't1')).toEqual([{ ...address, isUsable: true }]);
  await checkStock(ledger.db, { ...holder('copy'), podUid: h1.podUid }, 't1');
  await checkStock(ledger.db, holder('h2'), 't2');
  expect((await listStock(ledger.db)).map((each) => each.holder.id).sort()).toEqual(['h1', 'h2']);
});

test('a process of a copy that was a holder before is not seen any more: it does not look as if it followed the other', async () => {
  const [h1, copy] = [holder('h1'), { ...holder('copy'), podUid: 'uid of h1' }];
  await showTicket(ledger.db, { clusterId: 'c1', prev: undefined, next: 't1' }, 'operator');
  await checkStock(ledger.db, h1, 't1');
  await checkStock(ledger.db, copy, 't1');
  await ledger.sql(`update rock_mac.clusters set tickets = '{t2}'`);
  await checkStock(ledger.db, h1, 't2');
  await checkStock(ledger.db, copy, 't1');
  const request = { pool: 'kubernetes', count: 4, fillId: 'f', ticket: 't1', actor: 'webhook' };
  expect(await fillStock(ledger.db, copy, request)).toEqual([]);
  const seen = new Map((await listStock(ledger.db)).map((each) => [each.holder.id, each.seenAt.getTime()]));
  expect(seen.get('h1')).toBeGreaterThan(seen.get('copy') ?? Infinity);
});

test('a cluster that may not allocate gets no stock', async () => {
  await ledger.sql(`update rock_mac.clusters set adopted_at = null`);
  expect(await fill(holder('h1'))).toEqual([]);
});

test('a check returns the stock of one holder, and says what a paused, a limited and an observed address forbids', async () => {
  const [h1, h2] = [holder('h1'), holder('h2')];
  const [docker, vultr, plain] = [
    await stocked(h1, { pool: 'docker' }),
    await stocked(h1, { pool: 'vultr' }),
    await fill(h1, { count: 2 }),
  ];
  await stocked(h2);
  await pausePool(ledger.db, 'docker', true, 'test');
  await limitPool(ledger.db, { clusterId: 'c1', pool: 'vultr' }, 10);
  const object = { ...podOf('stray'), uid: 'uid of stray' };
  const [seen, unseen] = plain;
  if (seen === undefined || unseen === undefined) throw new Error('two addresses');
  await observe(ledger.db, [{ mac: seen.mac, object, limited: false }], 'operator');
  const found = await checkStock(ledger.db, h1, undefined);
  const usable = Object.fromEntries(found.map(({ mac, isUsable }) => [mac, isUsable]));
  expect(usable).toEqual({ [docker.mac]: false, [vultr.mac]: false, [seen.mac]: false, [unseen.mac]: true });
  expect(found.map(({ mac }) => mac)).toEqual([vultr.mac, docker.mac, seen.mac, unseen.mac]);
});

test('an observed address that is returned stays blocked until nothing uses it', async () => {
  const address = await stocked(holder('h1'));
  const object = { ...podOf('stray'), uid: 'uid of stray' };
  await observe(ledger.db, [{ mac: address.mac, object, limited: false }], 'operator');
  expect(await leave([address], 'unused')).toEqual(['returned']);
  const next = await takeAddress(ledger, aPodRequest('next'));
  expect(next.mac).not.toBe(address.mac);
  expect((await rowOf(address.mac)).observed).toBe(true);
  await endObservations(ledger.db, [{ mac: address.mac, object }]);
  expect((await rowOf(address.mac)).observed).toBe(false);
});

test('the ledger knows its holders, and forgets one that left nothing a day ago', async () => {
  const [h1, h2] = [holder('h1'), holder('h2')];
  const address = await stocked(h1);
  await checkStock(ledger.db, h2, undefined);
  const listed = (await listStock(ledger.db, 'c1')).map(({ holder: { id }, pool, count }) => [id, pool, count]);
  expect(listed).toEqual([
    ['h1', 'kubernetes', 1],
    ['h2', '', 0],
  ]);
  await ledger.advance(DAY + 1);
  await checkStock(ledger.db, holder('h3'), undefined);
  expect((await listStock(ledger.db)).map((each) => each.holder.id)).toEqual(['h1', 'h3']);
  await leave([address], 'of a dead holder');
  await checkStock(ledger.db, holder('h3'), undefined);
  expect((await listStock(ledger.db)).map((each) => each.holder.id)).toEqual(['h3']);
});

test('holders that check at once after a day without the ledger do not wait for each other', async () => {
  const holders = Array.from({ length: 4 }, (_, n) => holder(`h${String(n)}`));
  for (const each of holders) await checkStock(ledger.db, each, undefined);
  for (let round = 0; round < 5; round++) {
    await ledger.advance(DAY + 1);
    await Promise.all(holders.map((each) => checkStock(ledger.db, each, undefined)));
  }
});

test('a reported answer is pending, like an allocation for the same request', async () => {
  const address = await stocked(holder('h1'));
  expect(await assign(answer(address, 'web-0'))).toEqual(['assigned']);
  expect(await rowOf(address.mac)).toMatchObject({
    state: 'pending',
    key: 'named/web-0',
    generation: address.generation,
    owner: podOf('web-0'),
    requester: 'author of web-0',
    actor: 'webhook',
  });
  expect(await requestAddress(ledger, aPodRequest('web-0'))).toMatchObject({ outcome: 'replayed', mac: address.mac });
  expect(await bindTo({ ...address, key: 'named/web-0' }, 'web-0')).toBe('bound');
  expect(await actionsOf(address.mac)).toEqual([
    ['stock', 'webhook', 'Webhook/webhook-h1'],
    ['allocate', 'author of web-0', 'Pod/team/web-0/eth0'],
    ['bind', 'test', 'Pod/team/web-0/eth0'],
  ]);
});

test('the lease of an answer ends like any other', async () => {
  const address = await stocked(holder('h1'));
  await assign(answer(address, 'web-0'));
  expect(await expiredLeases(ledger.db, 'c1', 10)).toEqual([]);
  await ledger.advance(LEASE_SECONDS + 1);
  const [expired] = await expiredLeases(ledger.db, 'c1', 10);
  expect(expired).toMatchObject({ mac: address.mac });
  if (expired !== undefined) expect(await releaseExpired(ledger.db, [expired], by)).toEqual([{ outcome: 'released' }]);
  expect(await waitOf(address.mac)).toBeCloseTo(600, 0);
});

test('a late answer changes nothing after a bind, a return or a next owner, and none under another key or generation', async () => {
  const h1 = holder('h1');
  const [bound, returned, reused, kept] = await fill(h1);
  if (bound === undefined || returned === undefined || reused === undefined || kept === undefined)
    throw new Error('four');
  expect(await bindTo(bound, 'web-0', 'ada')).toBe('bound');
  await leave([returned], 'unused');
  await leave([reused], 'unused');
  const next = { ...aPodRequest('next'), requested: reused.mac };
  expect(await requestAddress(ledger, next)).toMatchObject({ outcome: 'allocated', mac: reused.mac });
  const before = await auditAndTable(ledger.db);
  const late = [bound, returned, reused, { ...kept, generation: 7 }, { ...kept, key: 'stock/other/1' }];
  expect(await assign(...late.map((address, n) => answer(address, `late-${String(n)}`)))).toEqual(
    late.map(() => 'not_stocked'),
  );
  expect(await leave(late, 'unused')).toEqual(late.map(() => 'not_stocked'));
  expect(await auditAndTable(ledger.db)).toEqual(before);
});

test('of two answers for one object, the ledger keeps both until the operator knows which one was stored', async () => {
  const [h1, h2] = [holder('h1'), holder('h2')];
  const [first, second] = [await stocked(h1), await stocked(h2)];
  expect(await assign(answer(first, 'web-0'))).toEqual(['assigned']);
  expect(await assign(answer(second, 'web-0'))).toEqual(['second']);
  expect(await rowOf(second.mac)).toMatchObject({ state: 'pending', key: second.key, owner: podOf('web-0') });
  await ledger.advance(DAY);
  expect((await rowOf(second.mac)).state).toBe('pending');
  expect(await bindTo(second, 'web-0', 'author of web-0')).toBe('bound');
  const [expired] = await expiredLeases(ledger.db, 'c1', 10);
  expect(expired?.mac).toBe(first.mac);
  if (expired !== undefined) await releaseExpired(ledger.db, [expired], by);
});

test('two answers for one object in one group, and one address in two answers, give one owner each', async () => {
  const [one, two, three] = await fill(holder('h1'), { count: 3 });
  if (one === undefined || two === undefined || three === undefined) throw new Error('three');
  expect(await assign(answer(one, 'web-0'), answer(two, 'web-0'))).toEqual(['assigned', 'second']);
  expect(await assign(answer(three, 'web-1'), answer(three, 'web-2'))).toEqual(['assigned', 'second']);
  expect(await rowOf(three.mac)).toMatchObject({ key: 'named/web-1' });
});

test('an answer for an object that an allocation served at the same moment is reported again, and is the second', async () => {
  const address = await stocked(holder('h1'));
  const [allocation, outcome] = await Promise.all([
    // Whoever comes second fails on the key, and tries again with it.
    takeAddress(ledger, aPodRequest('web-0')).catch(() => takeAddress(ledger, aPodRequest('web-0'))),
    assign(answer(address, 'web-0')).catch(() => assign(answer(address, 'web-0'))),
  ]);
  const both = await findByMacs(ledger.db, [allocation.mac, address.mac]);
  expect(both.filter(({ key }) => key === 'named/web-0')).toHaveLength(1);
  expect(['assigned', 'second']).toContain(outcome[0]);
});

test('the operator binds an address of a stock only for a requester, straight to the stored pod', async () => {
  const address = await stocked(holder('h1'));
  expect(await bindTo(address, 'web-0')).toBe('conflict');
  expect(await bindTo({ ...address, key: 'named/web-0' }, 'web-0', 'ada')).toBe('conflict');
  expect(await bindTo(address, 'web-0', 'ada')).toBe('bound');
  expect(await bindTo(address, 'web-0', 'ada')).toBe('bound');
  expect(await rowOf(address.mac)).toMatchObject({
    state: 'active',
    origin: 'allocate',
    owner: { ...podOf('web-0'), uid: 'uid of web-0' },
    requester: 'ada',
  });
  expect(await actionsOf(address.mac)).toEqual([
    ['stock', 'webhook', 'Webhook/webhook-h1'],
    ['allocate', 'ada', 'Pod/team/web-0/eth0'],
  ]);
  expect(await bindTo(address, 'web-1', 'bob')).toBe('conflict');
});

test('the operator binds an address that was returned and that nobody else has got since', async () => {
  const address = await stocked(holder('h1'));
  await leave([address], 'of a dead holder');
  expect(await bindTo(address, 'web-0', 'ada')).toBe('bound');
  expect((await actionsOf(address.mac)).at(-1)).toEqual(['restore', 'ada', 'Pod/team/web-0/eth0']);
});

test('nobody else gets an address of a stock: not by request, and not by showing it', async () => {
  const address = await stocked(holder('h1'));
  const request = aPodRequest('greedy', { requested: address.mac });
  expect(await requestAddress(ledger, request)).toMatchObject({ outcome: 'in_use' });
  const owner = { ...podOf('stray'), uid: 'uid of stray' };
  const found = { mac: address.mac, key: 'object/stray', owner, requester: 'operator' };
  expect(await adopt(ledger.db, [found], 'operator')).toMatchObject([{ outcome: 'conflict' }]);
  expect(await release(ledger.db, [address], by)).toEqual([{ outcome: 'needs_force' }]);
  expect((await rowOf(address.mac)).state).toBe('stocked');
});

test('what the living holder returns is free at once, and what a dead one left waits for the reuse delay', async () => {
  const pool = await aPool('returns', 320);
  const [unused, left] = await fill(holder('h1'), { pool, count: 2 });
  if (unused === undefined || left === undefined) throw new Error('two addresses');
  expect((await statsOf(pool)).free).toBe(318);
  expect(await leave([unused], 'unused')).toEqual(['returned']);
  expect(await leave([left], 'of a dead holder')).toEqual(['returned']);
  expect(await statsOf(pool)).toMatchObject({ free: 319, released: 2, totalAllocated: 2, totalReleased: 2 });
  await ledger.advance(REUSE_DELAY + 1);
  expect((await statsOf(pool)).free).toBe(320);
  expect(await stockOf(ledger.db, holder('h1'))).toEqual([]);
});

test('an address counts as one owner from the fill to its release', async () => {
  const pool = await aPool('counted', 320);
  const address = await stocked(holder('h1'), { pool });
  const none = { active: 0, pending: 0, released: 0, free: 319, totalAllocated: 1, totalReleased: 0 };
  expect(await statsOf(pool)).toMatchObject(none);
  await assign(answer(address, 'web-0'));
  expect(await statsOf(pool)).toMatchObject({ ...none, pending: 1 });
  await bindTo({ ...address, key: 'named/web-0' }, 'web-0');
  expect(await statsOf(pool)).toMatchObject({ ...none, active: 1 });
  await release(ledger.db, [await rowOf(address.mac)], by);
  expect(await statsOf(pool)).toMatchObject({ ...none, released: 1, totalReleased: 1 });
});

test('a retired cluster has no stock: its addresses are orphaned, and only force releases them', async () => {
  const h1 = holder('h1');
  const [stock, answered] = await fill(h1, { count: 2 });
  if (stock === undefined || answered === undefined) throw new Error('two addresses');
  await retireCluster(ledger.db, 'c1', 'test');
  expect(await assign(answer(answered, 'web-0'))).toEqual(['not_stocked']);
  expect(await leave([stock], 'unused')).toEqual(['not_stocked']);
  expect(await bindTo(answered, 'web-0', 'ada')).toBe('conflict');
  expect(await checkStock(ledger.db, h1, undefined)).toEqual([]);
  expect(await fill(h1)).toEqual([]);
  expect((await findByMacs(ledger.db, [stock.mac, answered.mac])).map(({ state }) => state)).toEqual([
    'orphaned',
    'orphaned',
  ]);
  expect(await release(ledger.db, [stock], { ...by, force: true })).toEqual([{ outcome: 'released' }]);
});

test('a recovery sets all stock aside: its holder drops it, a token still binds it, and nobody else gets it', async () => {
  const h1 = holder('h1');
  const [answered, bound, unused] = await fill(h1, { count: 3 });
  if (answered === undefined || bound === undefined || unused === undefined) throw new Error('three addresses');
  await failOver();
  expect(await codeOf(checkStock(ledger.db, h1, undefined))).toBe('LEDGER_READ_ONLY');
  expect(await assign(answer(answered, 'web-0'))).toEqual(['not_stocked']);
  expect(await leave([unused], 'unused')).toEqual(['not_stocked']);
  expect(await bindTo(bound, 'web-1')).toBe('conflict');
  expect(await bindTo(bound, 'web-1', 'ada')).toBe('bound');
  expect((await rowOf(bound.mac)).origin).toBe('allocate'); // for others, it is no part of the gap any more
  expect(await markReported(ledger.db, { clusterId: 'c1', epoch: 2 }, 'operator')).toBe('open');
  expect(await stockOf(ledger.db, h1)).toEqual([answered, unused]);
  const epoch = await stockEpoch(ledger.db);
  expect(await checkStock(ledger.db, h1, undefined)).toEqual([]);
  expect(await stockOf(ledger.db, h1)).toEqual([answered, unused]); // the response may be lost
  await dropStock(ledger.db, h1, epoch - 1); // of a check before the recovery
  expect(await stockOf(ledger.db, h1)).toEqual([answered, unused]);
  await dropStock(ledger.db, h1, epoch);
  expect(await stockOf(ledger.db, h1)).toEqual([]);
  for (const { mac } of [answered, unused]) {
    expect(await requestAddress(ledger, aPodRequest(`for ${mac}`, { requested: mac }))).toMatchObject({
      outcome: 'in_use',
    });
  }
  expect(await bindTo(answered, 'web-0', 'ada')).toBe('bound');
});

test('a recovery sets stock aside in steps, the ledger is closed meanwhile, and another caller goes on if one dies', async () => {
  await aPool('large', 200_000);
  await checkStock(ledger.db, holder('h1'), undefined);
  await ledger.sql(
    `insert into rock_mac.addresses (addr, pool_id, state, origin, holder_key, cluster_id, owner_kind, owner_name, owner_uid, owner_nic,
                                     allocated_at, changed_at, requester, actor)
     select p.first + n, p.pool_id, 'stocked', 'allocate', 'stock/f/' || n, 'c1', 'Webhook', 'webhook-h1', 'h1', '', now(), now(), 'webhook', 'webhook'
     from rock_mac.pools p, generate_series(0, 4999) n where p.name = 'large'`,
  );
  await ledger.sql(`update rock_mac.pools set next_addr = first + 5000 where name = 'large'`);
  await ledger.sql(`update rock_mac.ledger_state set timeline = 'before'`);
  await ledger.sql(`select rock_mac.recover(1, false, false, 0, 'operator')`);
  expect(await markReported(ledger.db, { clusterId: 'c1', epoch: 2 }, 'operator')).toBe('recovering');
  await ledger.sql(`select rock_mac.set_stock_aside('operator')`); // and then the operator is killed
  expect(await statsOf('large')).toMatchObject({ stocked: 5_000 - 2_048 });
  expect(await requestAddress(ledger, aPodRequest('web'))).toMatchObject({ outcome: 'not_open' });
  expect((await recoverIfNeeded(ledger.db, 'operator')).closed).toBeUndefined();
  expect(await statsOf('large')).toMatchObject({ stocked: 0 });
  await dropStock(ledger.db, holder('h1'), 2);
  expect(await stockOf(ledger.db, holder('h1'))).toEqual([]);
});

test('what a recovery has set aside stays so while its holder cannot reach the ledger', async () => {
  const h1 = holder('h1');
  const address = await stocked(h1);
  await failOver();
  await markReported(ledger.db, { clusterId: 'c1', epoch: 2 }, 'operator');
  const resyncAndFree = async () => {
    await resynced();
    await freeGap(ledger.db, { actor: 'operator' });
    return { state: (await rowOf(address.mac)).state, setAside: (await statsOf('kubernetes')).orphaned };
  };
  // The holder may also have addresses of a fill that the failover lost, which are among the others.
  const all = { state: 'orphaned', setAside: (await statsOf('kubernetes')).orphaned };
  expect(all.setAside).toBeGreaterThan(1);
  await ledger.advance(DAY);
  expect(await resyncAndFree()).toEqual(all);
  await checkStock(ledger.db, h1, undefined);
  await ledger.advance(DAY);
  expect(await resyncAndFree()).toEqual(all); // the holder may not have got the response
  await dropStock(ledger.db, h1, await stockEpoch(ledger.db));
  expect(await resyncAndFree()).toEqual(all); // its last answer may be on its way
  await ledger.advance(DAY);
  expect(await resyncAndFree()).toEqual({ state: 'released', setAside: 0 });
});

test('an administrator frees what a recovery has set aside, except for what a holder has not dropped', async () => {
  const h1 = holder('h1');
  const address = await stocked(h1);
  await failOver();
  await markReported(ledger.db, { clusterId: 'c1', epoch: 2 }, 'operator');
  const free = async () => {
    await freeGap(ledger.db, { pool: 'kubernetes', actor: 'ada' });
    return [await undroppedStock(ledger.db, 'kubernetes'), (await rowOf(address.mac)).state];
  };
  expect(await free()).toEqual([1, 'orphaned']);
  expect((await statsOf('kubernetes')).orphaned).toBe(1);
  await dropStock(ledger.db, h1, await stockEpoch(ledger.db));
  expect(await free()).toEqual([0, 'released']);
});

test('what a recovery has set aside of a dead holder waits for the reuse delay', async () => {
  const h1 = holder('h1');
  const address = await stocked(h1);
  await failOver();
  await markReported(ledger.db, { clusterId: 'c1', epoch: 2 }, 'operator');
  expect(await leave(await stockOf(ledger.db, h1), 'of a dead holder')).toEqual(['returned']);
  expect(await waitOf(address.mac)).toBeCloseTo(3_600, 0);
});

test('a cluster that retires keeps what it got from its stock, and what a recovery set aside of it', async () => {
  const [used, unknown] = await fill(holder('h1'), { count: 2 });
  if (used === undefined || unknown === undefined) throw new Error('two addresses');
  await failOver();
  expect(await bindTo(used, 'web-0', 'ada')).toBe('bound');
  await markReported(ledger.db, { clusterId: 'c1', epoch: 2 }, 'operator');
  await joinCluster(ledger.db, 'c2', 2);
  await retireCluster(ledger.db, 'c1', 'test');
  await ledger.advance(DAY);
  await resynced('c2');
  await freeGap(ledger.db, { actor: 'operator' });
  const owner = { ...podOf('thief', 'c2'), uid: 'uid of thief' };
  for (const { mac } of [used, unknown]) {
    expect((await rowOf(mac)).state).toBe('orphaned');
    const found = { mac, key: `object/${mac}`, owner, requester: 'operator' };
    expect(await adopt(ledger.db, [found], 'operator')).toMatchObject([{ outcome: 'conflict' }]);
  }
});

test('under quorum a failover keeps the stock', async () => {
  const h1 = holder('h1');
  const address = await stocked(h1);
  await ledger.sql(`update rock_mac.ledger_state set durability = 'quorum'`);
  await failOver();
  const { rows } = await ledger.db.connections.query(`select mode, epoch::int from rock_mac.ledger_state`);
  expect(rows).toEqual([{ mode: 'open', epoch: 2 }]);
  expect(await stockOf(ledger.db, h1)).toEqual([address]);
});

test('a holder forgets no answer that no standby would have', async () => {
  const address = await stocked(holder('h1'));
  await ledger.sql(`update rock_mac.ledger_state set durability = 'quorum'`);
  expect(await codeOf(assign(answer(address, 'web-0')))).toBe('LEDGER_READ_ONLY');
  expect(await codeOf(checkStock(ledger.db, holder('h1'), undefined))).toBe('LEDGER_READ_ONLY');
});

test('a failover that nobody has noticed yet gives nobody stock, and takes none', async () => {
  const h1 = holder('h1');
  const address = await stocked(h1);
  await ledger.sql(`update rock_mac.ledger_state set timeline = 'before'`);
  const request = { pool: 'kubernetes', count: 4, fillId: 'f', ticket: undefined, actor: 'webhook' };
  expect(await fillStock(ledger.db, h1, request)).toEqual([]);
  expect(await codeOf(checkStock(ledger.db, h1, undefined))).toBe('LEDGER_READ_ONLY');
  expect(await stockOf(ledger.db, h1)).toEqual([address]);
});

test('the login of another cluster gets, sees and changes no stock of this one', async () => {
  const theirs = await createLogin(ledger.url, 'rock_mac_app');
  const h1 = holder('h1');
  const address = await stocked(h1);
  await joinCluster(ledger.db, 'c2');
  await ledger.sql(`insert into rock_mac.cluster_logins (login, cluster_id) values ($1, 'c2')`, [theirs.name]);
  const request = { pool: 'kubernetes', count: 4, fillId: 'f', ticket: undefined, actor: 'mallory' };
  expect(await codeOf(fillStock(theirs.db, h1, request))).toBe('LEDGER_NOT_ALLOWED');
  expect(await codeOf(checkStock(theirs.db, h1, undefined))).toBe('LEDGER_NOT_ALLOWED');
  const mine = { leaseSeconds: 60, actor: 'mallory' };
  const report = (owner: Owner) => assignStock(theirs.db, [{ ...answer(address, 'p'), owner }], mine);
  expect(await codeOf(report(podOf('p')))).toBe('LEDGER_NOT_ALLOWED');
  expect(await report(podOf('p', 'c2'))).toEqual([{ outcome: 'not_stocked' }]);
  for (const owner of [podOf('p'), podOf('p', 'c2')]) {
    const item = { ...address, boundKey: 'mine', owner: { ...owner, uid: 'u' }, requester: 'mallory' };
    expect(await bind(theirs.db, [item], 'mallory')).toMatchObject([{ outcome: 'unknown' }]);
  }
  expect(await leave([address], 'unused', theirs.db)).toEqual(['not_stocked']);
  expect(await leave([address], 'of a dead holder', theirs.db)).toEqual(['not_stocked']);
  expect(await checkStock(theirs.db, { ...h1, clusterId: 'c2' }, undefined)).toEqual([]);
  expect(await stockOf(ledger.db, h1)).toEqual([address]);
  expect((await listStock(ledger.db)).map((each) => [each.holder.clusterId, each.count])).toEqual([['c1', 1]]);
});
