import { randomUUID } from 'node:crypto';
import { beforeAll, expect, test } from 'vitest';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import { adopt } from '../../ledger/address/adopt.ts';
import { allocate } from '../../ledger/address/allocate.ts';
import { bind } from '../../ledger/address/bind.ts';
import { takeUnusedClaims, usersOfClaims } from '../../ledger/address/claim-set.ts';
import { dropConsumer, takeConsumer } from '../../ledger/address/consumer.ts';
import { releaseExpiredDevices } from '../../ledger/address/expired-devices.ts';
import { type AddressFilter, findByOwnerUids, listAddresses } from '../../ledger/address/find.ts';
import { leave, offer, receive } from '../../ledger/address/handover.ts';
import { keepReserved } from '../../ledger/address/keep-reserved.ts';
import { ledgerTime, markMissing } from '../../ledger/address/mark-missing.ts';
import { release } from '../../ledger/address/release.ts';
import { releaseExpired } from '../../ledger/address/release-expired.ts';
import { renew } from '../../ledger/address/renew.ts';
import { searchAddresses } from '../../ledger/address/search.ts';
import { transfer } from '../../ledger/address/transfer.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { setPoolStrategy } from '../../ledger/pool/pools.ts';
import { stateMap } from '../../ledger/pool/state-map.ts';
import { registerCluster } from '../../ledger/state/clusters.ts';
import {
  clearUnreachable,
  listUnreachable,
  listUnreachableNodes,
  markUnreachable,
} from '../../ledger/sticky/unreachable.ts';
import { markUnused, releaseUnused, unusedAddresses } from '../../ledger/sticky/unused.ts';
import { assignStock, returnStock } from '../../ledger/stock/leave-stock.ts';
import { checkStock, dropStock, fillStock } from '../../ledger/stock/stock.ts';
import { numberToMac } from '../../mac/mac-address.ts';
import {
  aPodRequest,
  aRequest,
  aStickyRequest,
  aStockHolder,
  freshLedger,
  joinCluster,
  ledgerOfThisFile,
  takeAddress,
  type TestLedger,
} from './ledger-fixture.ts';

/* A connection keeps the plans that it made while the ledger was small. None of them may read more rows later. */
const ledger = ledgerOfThisFile({ max: 1 });
const by = { actor: 'test', reason: 'test' };
const FILL = 10_000;
/** After five calls Postgres may keep a generic plan. */
const EARLY = 12;
const LATE = 10;

/** Rows of `addresses` that statements of this session have read in any way. */
const READ_AT_ALL = `select pg_stat_force_next_flush(), (seq_tup_read + idx_tup_fetch)::int as rows from pg_stat_user_tables
                     where schemaname = 'rock_mac' and relname = 'addresses'`;

/** Rows that statements of this session have read through indexes of `addresses`. */
const READ = `select pg_stat_force_next_flush(), sum(idx_tup_read)::int as rows from pg_stat_user_indexes
              where schemaname = 'rock_mac' and relname = 'addresses'`;

async function rowsRead({ sql }: TestLedger, counter = READ): Promise<number> {
  await sql(counter);
  return Number((await sql(counter))[0]?.['rows']);
}

/** Adds ten thousand addresses of cluster `c1`, unseen by the planner. */
function fill({ sql }: TestLedger) {
  return sql(`
    insert into rock_mac.addresses (addr, pool_id, state, origin, holder_key, cluster_id, owner_kind, owner_uid, consumer_key,
                                    metadata, allocated_at, changed_at, expires_at, requester, actor)
    select p.first + i, p.pool_id, 'active', 'allocate', 'fill/' || i, 'c1', 'Pod', i, 'consumer/' || i, '{"shelf": "b1"}', now(), now(), now() + interval '1 day', 'ada', 'test'
    from rock_mac.pools p, generate_series(0, ${String(FILL - 1)}) i where p.name = 'vultr'`);
}

const owner = { clusterId: 'c1', kind: 'MacAllocation', namespace: 'team', name: 'claim', uid: 'u', nic: '' };

const WORKER = { clusterId: 'c1', node: 'worker-1' };

const stockHolder = (n: number) => aStockHolder({ id: `holder-${String(n)}` });

function fillOne(db: Queryable, n: number) {
  const request = { pool: 'kubernetes', count: 1, ticket: undefined, actor: 'test' };
  return fillStock(db, stockHolder(n), { ...request, fillId: randomUUID() });
}

/** Each call is about one new address. */
const CALLS: Readonly<
  Record<string, (ledger: TestLedger, item: AddressRef, n: number) => Promise<readonly unknown[]>>
> = {
  renew: ({ db }, item) => renew(db, [{ ...item, ttlSeconds: 60 }]),
  // The consumer of the next call.
  takeUnusedClaims: async ({ db }, { key }, n) => {
    const set = { clusterId: 'c1', claimKeys: [key, `none-${String(n)}`] };
    const wanted = { key: `pod of ${key}`, kind: 'Pod', name: 'p', nic: 'eth0' };
    const taken = await takeUnusedClaims(db, [wanted], set, { leaseSeconds: 60, actor: 'test' });
    expect(taken).toMatchObject({ outcome: 'taken' });
    expect(await usersOfClaims(db, set.claimKeys, 5)).toHaveLength(1);
    return [];
  },
  takeConsumer: ({ db }, { key: claimKey }) =>
    takeConsumer(db, [{ claimKey, key: `pod of ${claimKey}`, kind: 'Pod', name: 'p', nic: 'eth0' }], {
      actor: 'test',
      leaseSeconds: 60,
    }),
  dropConsumer: ({ db }, item) => dropConsumer(db, [{ mac: item.mac, consumerKey: `pod of ${item.key}` }], by),
  keepReserved: ({ db }, item) => keepReserved(db, [item], by),
  releaseExpired: ({ db }, item) => releaseExpired(db, [item], by),
  bind: ({ db }, { mac, key }) => bind(db, [{ mac, key, boundKey: key, owner }], 'test'),
  adopt: ({ db }, _, n) =>
    adopt(
      db,
      [{ mac: numberToMac(0xa4_58_0f_04_00_00 + n), key: `found-${String(n)}`, owner, requester: 'ada' }],
      'test',
    ),
  findByOwnerUids: ({ db }, _, n) => findByOwnerUids(db, 'c1', [`nobody-${String(n)}`, String(n)]),
  transfer: async (ledger, _, n) => {
    const from = await takeAddress(ledger, aRequest({ key: `from-${String(n)}`, owner }));
    const to = { newKey: `to-${String(n)}`, state: 'active', owner, requester: 'ada', reason: 'test' } as const;
    const outcomes = await transfer(ledger.db, [{ ...from, ...to }], 'test');
    expect(outcomes).toMatchObject([{ outcome: 'transferred' }]);
    return outcomes;
  },
  receive: async (ledger, _, n) => {
    const machine = { ...owner, kind: 'VirtualMachine', name: `from-${String(n)}` };
    const from = await takeAddress(ledger, aRequest({ key: `machine-${String(n)}`, owner: machine }));
    const to = { cluster: 'c1', namespace: 'team', name: `to-${String(n)}`, asked: 'x' };
    expect(await offer(ledger.db, [{ ...from, to }])).toEqual([{ outcome: 'offered' }]);
    expect(await leave(ledger.db, [{ ...from, inUse: true }])).toEqual([{ outcome: 'left' }]);
    const receiver = { newKey: `received-${String(n)}`, owner: { ...machine, name: to.name } };
    const outcomes = await receive(ledger.db, [{ ...from, ...receiver, requester: 'ada', reason: 'test' }], 'test');
    expect(outcomes).toMatchObject([{ outcome: 'received' }]);
    return outcomes;
  },
  release: ({ db }, item) => release(db, [item], { ...by, force: true }),
  markUnused: ({ db }, item) => markUnused(db, [item]),
  releaseUnused: ({ db }, item) => releaseUnused(db, [{ ...item, missingSince: new Date() }], by),
  markUnreachable: ({ db }, item) => markUnreachable(db, WORKER, [item], 'test'),
  clearUnreachable: ({ db }, item) => clearUnreachable(db, WORKER, [item], by),
  listUnreachable: ({ db }) => listUnreachable(db, WORKER),
  listUnreachableNodes: ({ db }) => listUnreachableNodes(db, 'c1'),
  'allocate again': ({ db }, { key }) => allocate(db, 'development', [aRequest({ key, owner })], { leaseSeconds: 60 }),
  'allocate from a random pool': async ({ db }, _, n) => {
    if (n === 0) await setPoolStrategy(db, 'experiment', 'random', 'test');
    return allocate(db, 'experiment', [aRequest({ key: `drawn-${String(n)}`, pool: 'experiment' })], {
      leaseSeconds: 60,
    });
  },
  'allocate sticky addresses': ({ db }, _, n) => {
    const request = aStickyRequest(`web-${String(n)}`, { unusedLimit: 256 });
    const requests = [request, aPodRequest(`wants-${String(n)}`, { requested: numberToMac(0xa4_58_0f_05_00_00) })];
    return allocate(db, 'kubernetes', requests, { leaseSeconds: 60 });
  },
  'allocate them in another pool': ({ db }, _, n) =>
    allocate(db, 'docker', [aStickyRequest(`web-${String(n)}`, { unusedLimit: 256 })], { leaseSeconds: 60 }),
  checkStock: ({ db }, _, n) => checkStock(db, stockHolder(n), undefined),
  dropStock: async ({ db }, _, n) => {
    await dropStock(db, stockHolder(n), 1);
    return [];
  },
  'fillStock and assignStock': async ({ db }, _, n) => {
    const pod = { ...owner, kind: 'Pod', name: `quick-${String(n)}` };
    const given = { boundKey: `named/quick-${String(n)}`, owner: pod, requester: 'ada', reason: 'stock' };
    const items = (await fillOne(db, n)).map((item) => ({ ...item, ...given }));
    const outcomes = await assignStock(db, items, { leaseSeconds: 60, actor: 'test' });
    expect(outcomes).toEqual([{ outcome: 'assigned' }]);
    return outcomes;
  },
  'fillStock and returnStock': async ({ db }, _, n) => {
    const outcomes = await returnStock(db, await fillOne(db, n), { ...by, unused: true });
    expect(outcomes).toEqual([{ outcome: 'returned' }]);
    return outcomes;
  },
};

beforeAll(async () => {
  const { db, sql } = ledger.current;
  // New statistics would trigger new plans; on a busy ledger that may take minutes.
  await sql('alter table rock_mac.addresses set (autovacuum_enabled = off)');
  await joinCluster(db, 'c1');
});

test('a connection that planned its statements on a small ledger reads no more rows when the ledger is large', async () => {
  const { db } = ledger.current;
  for (let n = 0; n < 20; n++) {
    const group = Array.from({ length: 32 }, (_, i) => aRequest({ key: `early-${String(n)}-${String(i)}` }));
    await allocate(db, 'development', group, { leaseSeconds: 60 });
  }
  const held: AddressRef[] = [];
  for (let n = 0; n < EARLY + LATE; n++)
    held.push(await takeAddress(ledger.current, aRequest({ key: `claim-${String(n)}`, owner })));
  const call = async (name: keyof typeof CALLS, from: number, to: number) => {
    for (const [n, item] of held.entries()) if (n >= from && n < to) await CALLS[name]?.(ledger.current, item, n);
  };
  const pass = async () => ({ clusterId: 'c1', startedAt: await ledgerTime(db), seen: held.map(({ mac }) => mac) });
  for (const name of Object.keys(CALLS)) await call(name, 0, EARLY);
  for (let n = 0; n < EARLY; n++) await markMissing(db, await pass());

  await fill(ledger.current);
  const reads: Record<string, number> = {};
  for (const name of Object.keys(CALLS)) {
    const before = await rowsRead(ledger.current);
    await call(name, EARLY, EARLY + LATE);
    reads[name] = (await rowsRead(ledger.current)) - before;
  }
  const before = await rowsRead(ledger.current);
  for (let n = 0; n < LATE; n++) await takeAddress(ledger.current, aRequest({ key: `late-${String(n)}` }));
  reads['allocate'] = (await rowsRead(ledger.current)) - before;
  // A fill counts what the cluster has in stock and pending, and an admission what its namespace has pending.
  const limitOf = (name: string) =>
    (name.startsWith('fillStock') || name === 'allocate sticky addresses' ? 150 : 20) * LATE;
  expect(Object.entries(reads).filter(([name, rows]) => rows > limitOf(name))).toEqual([]);

  const looks = {
    unusedAddresses: () => unusedAddresses(db, 'c1', { limit: 10 }),
    releaseExpiredDevices: () =>
      releaseExpiredDevices(db, { pool: 'vultr', graceSeconds: 0, limit: 10, actor: 'test' }),
  };
  for (const [name, look] of Object.entries(looks)) {
    const start = await rowsRead(ledger.current);
    expect(await look()).toEqual([]);
    expect((await rowsRead(ledger.current)) - start, `rows that ${name} reads to find none`).toBeLessThan(200);
  }

  const lists: Readonly<Record<string, AddressFilter>> = {
    'by address': { after: 'a4:58:0f:03:00:10' },
    'by pool': { order: 'pool' },
    'by pool, from the middle of the last one': { order: 'pool', after: 'a4:58:0f:03:20:00@vultr' },
    'of a pool, by address': { pool: 'docker' },
    'of a pool, newest first': { pool: 'docker', order: 'newest' },
    'of a device': { deviceId: 'vm-1', states: ['active'] },
    'by metadata': { metadata: [{ key: 'rack', value: 'a7' }], states: ['active'], order: 'newest' },
    'by a key of metadata': { metadata: [{ key: 'row' }], states: ['active'], order: 'newest' },
  };
  for (const [name, filter] of Object.entries(lists)) {
    const start = await rowsRead(ledger.current, READ_AT_ALL);
    await listAddresses(db, { ...filter, limit: 10 });
    expect((await rowsRead(ledger.current, READ_AT_ALL)) - start, `rows that a list ${name} reads`).toBeLessThan(
      FILL / 5,
    );
  }

  const texts = ['nothing', 'abc:12', '01:0f:ff', 'fill'];
  for (const text of texts) {
    const start = await rowsRead(ledger.current, READ_AT_ALL);
    await searchAddresses(db, text, 10);
    expect((await rowsRead(ledger.current, READ_AT_ALL)) - start, `rows that a search for ${text} reads`).toBeLessThan(
      200,
    );
  }
  const beforeMap = await rowsRead(ledger.current, READ_AT_ALL);
  await stateMap(db, numberToMac(0xa4_58_0f_03_00_00), 256);
  expect((await rowsRead(ledger.current, READ_AT_ALL)) - beforeMap).toBe(256);

  // It reads the whole cluster once. Comparing each address with every other would exceed its time limit.
  const everything = Array.from({ length: FILL }, (_, i) => numberToMac(0xa4_58_0f_03_00_00 + i));
  expect(await markMissing(db, { ...(await pass()), seen: everything })).toMatchObject({ cleared: 0 });
});

test('an initial sync that began on an empty ledger reads no more rows when the ledger is large', async () => {
  const fresh = await freshLedger({ max: 1 });
  try {
    await fresh.sql('alter table rock_mac.addresses set (autovacuum_enabled = off)');
    await registerCluster(fresh.db, { clusterId: 'c1', name: 'one' }, 'test');
    const adoptSome = async (from: number, to: number) => {
      for (let n = from; n < to; n++) {
        const item = { mac: numberToMac(0xa4_58_0f_04_00_00 + n), key: `found-${String(n)}`, owner, requester: 'ada' };
        expect(await adopt(fresh.db, [item], 'test')).toMatchObject([{ outcome: 'adopted' }]);
      }
    };
    await adoptSome(0, EARLY);
    await fill(fresh);
    const before = await rowsRead(fresh);
    await adoptSome(EARLY, EARLY + LATE);
    expect((await rowsRead(fresh)) - before).toBeLessThan(20 * LATE);
  } finally {
    await fresh.close();
  }
});

test('a walk over used addresses reads those of its window, and none of the pools before it', async () => {
  const fresh = await freshLedger({ max: 1 });
  try {
    await fill(fresh);
    await fresh.sql(`
      insert into rock_mac.addresses (addr, pool_id, state, origin, holder_key, device_id, allocated_at, changed_at, requester, actor)
      select p.first + 2 * i + 1, p.pool_id, 'reserved', 'allocate', 'second/' || i, 'vm-' || i, now(), now(), 'ada', 'test'
      from rock_mac.pools p, generate_series(0, 99) i where p.name = 'docker'`);
    await fresh.sql('vacuum analyze rock_mac.addresses');
    const group = Array.from({ length: 32 }, (_, i) => aRequest({ key: `walk-${String(i)}`, pool: 'docker' }));
    const before = await rowsRead(fresh);
    const results = await allocate(fresh.db, 'docker', group, { leaseSeconds: 60 });
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['allocated']));
    expect((await rowsRead(fresh)) - before).toBeLessThan(1_000);
  } finally {
    await fresh.close();
  }
});
