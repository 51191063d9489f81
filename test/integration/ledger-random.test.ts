import { beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { PoolStrategy } from '../../api/pool-strategy.ts';
import { allocate, type AllocationOutcome } from '../../ledger/address/allocate.ts';
import { listAddresses } from '../../ledger/address/find.ts';
import { release } from '../../ledger/address/release.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { observe } from '../../ledger/observation/observe.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { definePool, growPool, removePool, setPoolStrategy } from '../../ledger/pool/pools.ts';
import { checkStock, fillStock } from '../../ledger/stock/stock.ts';
import { type MacAddress, macToNumber, numberToMac } from '../../mac/mac-address.ts';
import {
  aRequest,
  aStockHolder,
  fillAStock,
  findingsExceptClock,
  joinCluster,
  LEASE_SECONDS,
  ledgerOfThisFile,
  retryTransient,
  takeAddress,
} from './ledger-fixture.ts';

/* Pools that hand out addresses in a random order. */

const ledger = ledgerOfThisFile({ max: 8 });
let db: LedgerClient;
const FIRST = 0xa4_58_0f_40_00_00;
const by = { actor: 'test', reason: 'test' };
const HOUR = 3_600;

beforeEach(() => {
  ({ db } = ledger.current);
});

let pools = 0;

/** Defines a pool of so many addresses, of its own range, with a fixed seed. */
async function aPool(size: number, strategy: PoolStrategy = 'random', seed = 7) {
  const name = `pool-${String(++pools)}`;
  const first = FIRST + pools * 0x1_00_00;
  const ends = { first: numberToMac(first), last: numberToMac(first + size - 1) };
  const pool = { name, ...ends, description: '', autoReleaseSeconds: null, reuseDelaySeconds: HOUR, strategy };
  expect(await definePool(db, pool, 'test')).toBe('defined');
  await ledger.current.sql(`update rock_mac.pools set seed = $2 where name = $1`, [name, seed]);
  return {
    ...pool,
    at: (index: number) => numberToMac(first + index),
    placeOf: (mac: MacAddress) => macToNumber(mac) - first,
  };
}

type TestPool = Awaited<ReturnType<typeof aPool>>;

const A_CLAIM = { kind: 'MacAllocation', namespace: 'team', name: 'claim', nic: '' };

let requests = 0;

/** Requests so many addresses in one group. */
function ask(pool: TestPool, count: number): Promise<AllocationOutcome[]> {
  const group = Array.from({ length: count }, () =>
    aRequest({ key: `request-${String(++requests)}`, pool: pool.name }),
  );
  return allocate(db, pool.name, group, { leaseSeconds: LEASE_SECONDS });
}

/** Takes so many addresses in one group, and returns their places in the pool. */
async function take(pool: TestPool, count: number): Promise<number[]> {
  return (await ask(pool, count)).map((result) => {
    if (result.outcome !== 'allocated') throw new Error(`not allocated: ${JSON.stringify(result)}`);
    return pool.placeOf(result.mac);
  });
}

const allOf = (size: number) => Array.from({ length: size }, (_, index) => index);
const sorted = (places: readonly number[]) => places.toSorted((a, b) => a - b);

/** Returns the places of a pool in its random order. */
async function orderOf(pool: TestPool, count: number, seed: number): Promise<number[]> {
  await ledger.current.sql(`update rock_mac.pools set seed = $2 where name = $1`, [pool.name, seed]);
  const rows = await db.query({
    text: `select (rock_mac.address_at(p, p.first + n) - p.first)::int as place
           from rock_mac.pools p, generate_series(0, $2::int - 1) n where p.name = $1 order by n`,
    values: [pool.name, count],
    row: z.object({ place: z.int() }),
  });
  return rows.map(({ place }) => place);
}

/** Returns the place in the pool of the next address that was never used, as `stats` and the console show it. */
async function cursorOf({ name, placeOf }: TestPool): Promise<number | undefined> {
  const cursor = (await poolStats(db)).find(({ pool }) => pool === name)?.cursor;
  return cursor === undefined ? undefined : placeOf(cursor);
}

async function drawsOf({ name }: TestPool): Promise<number> {
  return Number((await ledger.current.sql('select draws from rock_mac.pools where name = $1', [name]))[0]?.['draws']);
}

describe('the random order of a pool', () => {
  test('has every address once, whatever the size of the pool', async () => {
    const pool = await aPool(65_536);
    for (const size of [...allOf(40).map((n) => n + 1), 255, 257, 4_095, 65_535, 65_536]) {
      await ledger.current.sql(`update rock_mac.pools set last = first + $2::int - 1 where name = $1`, [
        pool.name,
        size,
      ]);
      expect(sorted(await orderOf(pool, size, size))).toEqual(allOf(size));
    }
  });

  test('has no address for a turn that the pool does not have, instead of a search without end', async () => {
    const { name } = await aPool(3);
    const rows = await ledger.current.sql(
      `select rock_mac.address_at(p, p.last + 1) as after, rock_mac.address_at(p, p.first - 1) as before, rock_mac.address_at(p, null) as none,
              rock_mac.address_at(null, 1) as nowhere
       from rock_mac.pools p where name = $1`,
      [name],
    );
    expect(rows).toEqual([{ after: null, before: null, none: null, nowhere: null }]);
  });

  // A ledger whose order changes with a version of Postgres would never draw some addresses. The check would say so.
  test('is the same on every server', async () => {
    expect(await orderOf(await aPool(1_000), 8, 42)).toEqual([528, 949, 549, 82, 238, 725, 962, 915]);
  });

  test('has no pattern: addresses, their ends, and the steps between them are evenly spread', async () => {
    const pool = await aPool(65_536);
    const cells = 256;
    const [drawn, seeds] = [4_096, 12];
    const spread = (values: readonly number[]) => {
      const counts = new Array<number>(cells).fill(0);
      for (const value of values) counts[value] = (counts[value] ?? 0) + 1;
      const expected = values.length / cells;
      return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    };
    const found: Record<string, number> = { beginnings: 0, ends: 0, steps: 0 };
    for (let seed = 1; seed <= seeds; seed++) {
      const places = await orderOf(pool, drawn, seed);
      const steps = places.slice(1).map((place, index) => (place - (places[index] ?? 0)) & 0xffff);
      found['beginnings'] = (found['beginnings'] ?? 0) + spread(places.map((place) => place >> 8));
      found['ends'] = (found['ends'] ?? 0) + spread(places.map((place) => place & 0xff));
      found['steps'] = (found['steps'] ?? 0) + spread(steps.map((step) => step >> 8));
    }
    // Chi-square with 255 degrees of freedom for each seed: mean 255, deviation √510. The seeds are fixed, so no run differs.
    const limit = 255 * seeds + 4 * Math.sqrt(510 * seeds);
    expect(Object.entries(found).filter(([, sum]) => sum > limit)).toEqual([]);
  });

  test('meets that of another ledger as often as chance', async () => {
    const pool = await aPool(65_536);
    const ours = new Set(await orderOf(pool, 2_000, 1));
    const theirs = await orderOf(pool, 2_000, 2);
    const both = theirs.filter((place) => ours.has(place)).length;
    expect(both).toBeGreaterThan(30);
    expect(both).toBeLessThan(95); // 61 are expected
  });
});

describe('a random pool', () => {
  test('hands out every address once before it reuses the one that was released first', async () => {
    const pool = await aPool(600);
    const taken: number[] = [];
    for (const count of [1, 1, 2, 128, 128, 128, 128, 84]) taken.push(...(await take(pool, count)));
    expect(sorted(taken)).toEqual(allOf(600));
    expect(taken).not.toEqual(allOf(600));
    expect(await ask(pool, 2)).toMatchObject([{ outcome: 'exhausted' }, { outcome: 'exhausted' }]);
    const held = await listAddresses(db, { pool: pool.name, limit: 600 });
    for (const index of [300, 20, 500]) {
      const { mac, generation, key } = held[index] ?? {};
      if (mac === undefined || generation === undefined || key === undefined) throw new Error('it is full');
      await release(db, [{ mac, generation, key }], by);
    }
    await ledger.current.advance(HOUR + 1);
    expect(await take(pool, 2)).toEqual([300, 20]);
    expect(await take(pool, 1)).toEqual([500]);
  });

  test('steps over addresses that were requested by name or are observed', async () => {
    const pool = await aPool(64);
    await takeAddress(ledger.current, aRequest({ key: 'by-name', pool: pool.name, requested: pool.at(17) }));
    await joinCluster(db, 'c1');
    const object = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'web', uid: 'u', nic: 'eth0' };
    expect(await observe(db, [{ mac: pool.at(40), object, limited: false }], 'test')).toMatchObject([
      { outcome: 'observed' },
    ]);
    expect(sorted(await take(pool, 62))).toEqual(allOf(64).filter((place) => place !== 17 && place !== 40));
    expect(await ask(pool, 1)).toMatchObject([{ outcome: 'exhausted' }]);
  });

  test('does not show which address is next, and counts what is free whatever it has drawn', async () => {
    const pool = await aPool(64);
    await take(pool, 10);
    const stats = (await poolStats(db)).find((each) => each.pool === pool.name);
    expect(stats).toMatchObject({ strategy: 'random', active: 10, free: 54, cursor: undefined });
  });

  test('gives stock from its order, a sixteenth of what is free at most', async () => {
    const pool = await aPool(160);
    await take(pool, 64);
    await joinCluster(db, 'c1');
    const stock = await fillAStock(ledger.current, { pool: pool.name, count: 6 });
    const more = await take(pool, 90);
    expect(new Set([...stock.map(({ mac }) => pool.placeOf(mac)), ...more]).size).toBe(96);
    await expect(fillAStock(ledger.current, { pool: pool.name, count: 1 })).rejects.toThrow(/length/);
  });

  test('that grows begins a new order, and hands out what has no address yet', async () => {
    const pool = await aPool(40);
    const before = await take(pool, 30);
    expect(await growPool(db, pool.name, pool.at(99), 'test')).toBe('grown');
    const after = await take(pool, 70);
    expect(sorted([...before, ...after])).toEqual(allOf(100));
    expect(Math.min(...after)).toBeLessThan(40);
  });

  test('is removed like any other, and every ledger draws in its own order', async () => {
    const pool = await aPool(16);
    expect(await removePool(db, pool.name, 'test')).toBe('removed');
    const seeds = await ledger.current
      .sql(`select count(distinct seed)::int as seeds, count(*)::int as pools from rock_mac.pools
                                            where name in ('production', 'development', 'experiment', 'vultr', 'docker')`);
    expect(seeds).toEqual([{ seeds: 5, pools: 5 }]);
  });
});

describe('a pool whose strategy changes', () => {
  test('hands out the rest of its addresses in the new order, and comes back to where it was in the old one', async () => {
    const pool = await aPool(200, 'sequential');
    expect(await take(pool, 5)).toEqual([0, 1, 2, 3, 4]);
    expect(await setPoolStrategy(db, pool.name, 'random', 'test')).toBe('changed');
    const drawn = await take(pool, 60);
    expect(drawn).not.toEqual(sorted(drawn));
    expect(await setPoolStrategy(db, pool.name, 'sequential', 'test')).toBe('changed');
    const cursor = await cursorOf(pool);
    const inOrder = await take(pool, 60);
    expect(inOrder[0]).toBe(cursor);
    expect(inOrder).toEqual(sorted(inOrder));
    expect(inOrder[0]).toBe(
      allOf(200)
        .slice(5)
        .find((place) => !drawn.includes(place)),
    );
    await setPoolStrategy(db, pool.name, 'random', 'test');
    const rest = await take(pool, 75);
    expect(sorted([0, 1, 2, 3, 4, ...drawn, ...inOrder, ...rest])).toEqual(allOf(200));
    expect(await ask(pool, 1)).toMatchObject([{ outcome: 'exhausted' }]);
  });

  test('to sequential shows the next address that was never used, whatever was drawn or requested by name before it', async () => {
    const pool = await aPool(4);
    expect(await cursorOf(pool)).toBeUndefined();
    await setPoolStrategy(db, pool.name, 'sequential', 'test');
    expect(await cursorOf(pool)).toBe(0);
    for (const [name, next] of [
      [1, 0],
      [0, 2],
      [3, 2],
      [2, undefined],
    ] as const) {
      const key = `${pool.name}-${String(name)}`;
      await takeAddress(ledger.current, aRequest({ key, pool: pool.name, requested: pool.at(name) }));
      expect(await cursorOf(pool)).toBe(next);
    }
  });

  test.each([
    ['sequential', 'random'],
    ['random', 'sequential'],
  ] as const)('from %s to %s when it is used up reuses addresses at once', async (from, to) => {
    const pool = await aPool(9_000, from);
    await fillUp(pool, 9_000);
    await setPoolStrategy(db, pool.name, to, 'test');
    expect(await ask(pool, 1)).toMatchObject([{ outcome: 'exhausted' }]);
    await ledger.current.sql(
      `update rock_mac.addresses set state = 'released', released_at = rock_mac.clock() - interval '1 day', expires_at = null where addr = $1`,
      [macToNumber(pool.at(4_321))],
    );
    expect(await take(pool, 1)).toEqual([4_321]);
  });

  test('when nine tenths of it are used serves a whole group in one call, with about ten draws for each address', async () => {
    const pool = await aPool(10_000, 'sequential');
    await fillUp(pool, 9_000);
    await setPoolStrategy(db, pool.name, 'random', 'test');
    expect(Math.min(...(await take(pool, 128)))).toBeGreaterThanOrEqual(9_000);
    const draws = await drawsOf(pool);
    expect(draws).toBeGreaterThan(800);
    expect(draws).toBeLessThan(1_800);
    await take(pool, 1);
    expect(await drawsOf(pool)).toBeLessThan(draws + 150);
  });

  test('when one address is left finds it, in calls of a bounded length', async () => {
    const pool = await aPool(12_000, 'sequential');
    await fillUp(pool, 11_999);
    let seed = 1;
    while ((await orderOf(pool, 8_200, seed)).includes(11_999)) seed += 1;
    await setPoolStrategy(db, pool.name, 'random', 'test');
    const outcomes: string[] = [];
    for (let before = 0; outcomes.at(-1) !== 'allocated'; before = await drawsOf(pool)) {
      outcomes.push((await ask(pool, 1))[0]?.outcome ?? '');
      expect((await drawsOf(pool)) - before).toBeLessThanOrEqual(4_097);
    }
    expect(outcomes).toEqual(['retry', 'retry', 'allocated']);
  });
});

describe('the stock that one cluster gets of a random pool', () => {
  /** Fills the stock of a webhook with as much as it gets. */
  async function stock(pool: TestPool): Promise<number> {
    await joinCluster(db, 'c1');
    const holder = aStockHolder();
    await checkStock(db, holder, undefined);
    const fill = { pool: pool.name, count: 1_000, fillId: pool.name, ticket: undefined, actor: 'test' };
    return (await fillStock(db, holder, fill)).length;
  }

  test('is a sixteenth of what was never used', async () => {
    const pool = await aPool(2_000);
    await fillUp(pool, 1_200);
    expect(await stock(pool)).toBe(50);
  });

  test('is about a sixteenth of what was never used after the pool has grown, also twice', async () => {
    const pool = await aPool(1_500);
    await fillUp(pool, 1_350);
    await growPool(db, pool.name, pool.at(1_749), 'test');
    await take(pool, 50);
    await growPool(db, pool.name, pool.at(1_999), 'test');
    const share = (2_000 - 1_400) / 16;
    const got = await stock(pool);
    expect(got).toBeGreaterThan(0.8 * share);
    expect(got).toBeLessThan(1.2 * share);
  });

  test.each([
    ['sequential', 'random'],
    ['random', 'sequential'],
  ] as const)('is about a sixteenth of what was never used when it changed from %s to %s', async (from, to) => {
    const pool = await aPool(8_000, from);
    await fillUp(pool, 6_000);
    await setPoolStrategy(db, pool.name, to, 'test');
    for (let groups = 0; groups < 5; groups++) await take(pool, 200);
    const got = await stock(pool);
    expect(got).toBeGreaterThan((0.8 * 1_000) / 16);
    expect(got).toBeLessThan((1.2 * 1_000) / 16);
  });
});

/** Writes rows for the first addresses of a pool in its order, as allocations would leave them. */
async function fillUp({ name }: TestPool, count: number): Promise<void> {
  await ledger.current.sql(
    `insert into rock_mac.addresses (addr, pool_id, state, origin, holder_key, device_id, allocated_at, changed_at, requester, actor)
     select x.addr, p.pool_id, 'active', 'allocate', 'fill/' || x.addr, 'vm-' || n, now(), now(), 'ada', 'test'
     from rock_mac.pools p, generate_series(0, $2::int - 1) n,
          lateral (select case p.strategy when 'random' then rock_mac.address_at(p, p.first + n) else p.first + n end as addr) x
     where p.name = $1`,
    [name, count],
  );
  await ledger.current.sql(
    `update rock_mac.pools set next_addr = case strategy when 'sequential' then first + $2::int else next_addr end,
            draws = case strategy when 'random' then $2::int else 0 end where name = $1`,
    [name, count],
  );
}

test.each([1, 2, 3])('a pool of %i addresses hands out each, reuses them, and grows', async (size) => {
  const pool = await aPool(size);
  const taken = [];
  for (let n = 0; n < size; n++) taken.push(...(await take(pool, 1)));
  expect(sorted(taken)).toEqual(allOf(size));
  expect(await ask(pool, 2)).toMatchObject([{ outcome: 'exhausted' }, { outcome: 'exhausted' }]);
  const [{ mac, generation, key } = {}] = await listAddresses(db, { pool: pool.name, limit: 1 });
  if (mac === undefined || generation === undefined || key === undefined) throw new Error('it is full');
  await release(db, [{ mac, generation, key }], by);
  await ledger.current.advance(HOUR + 1);
  expect(await take(pool, 1)).toEqual([0]);
  expect(await growPool(db, pool.name, pool.at(size), 'test')).toBe('grown');
  expect(await take(pool, 1)).toEqual([size]);
  expect(await ask(pool, 1)).toMatchObject([{ outcome: 'exhausted' }]);
});

test('groups from many connections get each address of a random pool once, up to the last one', async () => {
  const pool = await aPool(500);
  const groups = allOf(200).map((n) => 1 + (n % 4));
  const results = await Promise.all(groups.map((count) => retryTransient(() => ask(pool, count), 50)));
  const places = results.flat().flatMap((one) => (one.outcome === 'allocated' ? [pool.placeOf(one.mac)] : []));
  expect(places.length).toBeLessThanOrEqual(500);
  // A group whose answer was lost to a lock time-out comes again with other keys, so only its addresses may be missing.
  expect(new Set(places).size).toBe(places.length);
  expect((await poolStats(db)).find((each) => each.pool === pool.name)).toMatchObject({ active: 500, free: 0 });
});

test('two clusters get each address of a pool once while it grows and changes its strategy', async () => {
  const pool = await aPool(3);
  const clusters = ['east', 'west'];
  for (const clusterId of clusters) await joinCluster(db, clusterId);
  const last = 3 + 20 * 20 - 1;
  const change = async () => {
    for (let step = 1; step <= 20; step++) {
      await retryTransient(() => growPool(db, pool.name, pool.at(2 + 20 * step), 'test'), 50);
      const strategy = step % 2 === 0 ? 'random' : 'sequential';
      await retryTransient(() => setPoolStrategy(db, pool.name, strategy, 'test'), 50);
    }
  };
  const places: number[] = [];
  const takeAll = async (clusterId: string) => {
    for (let n = 0; ; n++) {
      const names = allOf(5).map((i) => `${pool.name}-${clusterId}-${String(n)}-${String(i)}`);
      const group = names.map((key) => aRequest({ key, pool: pool.name, owner: { ...A_CLAIM, clusterId, uid: key } }));
      const results = await retryTransient(() => allocate(db, pool.name, group, { leaseSeconds: LEASE_SECONDS }), 50);
      places.push(
        ...results.flatMap((one) =>
          one.outcome === 'allocated' || one.outcome === 'replayed' ? [pool.placeOf(one.mac)] : [],
        ),
      );
      if (places.length > last) return;
    }
  };
  await Promise.all([change(), ...clusters.map(takeAll)]);
  expect(sorted(places)).toEqual(allOf(last + 1));
});

test('the check of a large pool takes a sample of its draws', async () => {
  const pool = await aPool(60_000);
  const draws = 4_000_000;
  await ledger.current.sql(`update rock_mac.pools set last = first + $2::bigint, draws = $2::bigint where name = $1`, [
    pool.name,
    draws,
  ]);
  const findings = await checkLedger(db);
  const holes = findings.find(({ rule }) => rule === 'no-hole-in-draws')?.count ?? 0;
  expect(holes).toBeGreaterThan(1_000);
  expect(holes).toBeLessThan(draws / 10);
  expect(await removePool(db, pool.name, 'test')).toBe('removed');
});

test('after all that the ledger keeps its rules', async () => {
  expect(await findingsExceptClock(db)).toEqual([]);
  await ledger.current.sql(`
    update rock_mac.pools set draws = draws + 1 where name = (
      select p.name from rock_mac.pools p
      where p.strategy = 'random' and p.draws between 1 and p.last - p.first
        and not exists (select from rock_mac.addresses a where a.addr = rock_mac.address_at(p, p.first + p.draws)) limit 1)`);
  expect((await checkLedger(db)).map(({ rule }) => rule)).toContain('no-hole-in-draws');
});
