import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { adopt } from '../../ledger/address/adopt.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import { release } from '../../ledger/address/release.ts';
import { limitObservations } from '../../ledger/observation/limit-observations.ts';
import { listObservations, observationMark } from '../../ledger/observation/list-observations.ts';
import { newlyShared } from '../../ledger/observation/newly-shared.ts';
import {
  endObservations,
  observationsOfCluster,
  observationsOfMac,
  observationsOfMacs,
  observationsOfObjects,
} from '../../ledger/observation/observations.ts';
import { observe, type ObserveItem } from '../../ledger/observation/observe.ts';
import { usersElsewhere } from '../../ledger/observation/users-elsewhere.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { definePool, growPool, pausePool, removePool } from '../../ledger/pool/pools.ts';
import { retireCluster } from '../../ledger/state/clusters.ts';
import { recover } from '../../ledger/state/recovery.ts';
import { mac, type MacAddress, macToNumber, numberToMac } from '../../mac/mac-address.ts';
import {
  aPodRequest,
  aRequest,
  findingsExceptClock,
  freshLedger,
  joinCluster,
  ledgerOfThisFile,
  requestAddress,
  takeAddress,
} from './ledger-fixture.ts';

const ledger = ledgerOfThisFile();

beforeAll(() => joinCluster(ledger.current.db, 'c1'));

interface Stray {
  readonly name?: string;
  readonly namespace?: string;
  readonly nic?: string;
  readonly limited?: boolean;
  readonly clusterId?: string;
}

function stray(address: MacAddress, options: Stray = {}): ObserveItem {
  const { name = 'stray', namespace = 'bob', nic = 'net#0', limited = true, clusterId = 'c1' } = options;
  const object = { clusterId, kind: 'Pod', namespace, name, uid: `uid-of-${namespace}-${name}`, nic };
  return { mac: address, object, limited };
}

function addressAt(first: string, offset: number): MacAddress {
  return numberToMac(macToNumber(mac(first)) + offset);
}

async function observeOne(item: ObserveItem): Promise<string | undefined> {
  return (await observe(ledger.current.db, [item], 'operator'))[0]?.outcome;
}

async function auditRows(): Promise<number> {
  const [row] = await ledger.current.sql('select count(*)::int as count from rock_mac.audit_log');
  return Number(row?.['count']);
}

describe('an address that was never used and is observed', () => {
  test('is stepped over by the cursor, has no owner and writes no audit row', async () => {
    const before = await auditRows();
    expect(await observeOne(stray(mac('a4:58:0f:05:00:00')))).toBe('observed');
    expect(await observeOne(stray(mac('a4:58:0f:05:00:00')))).toBe('known');
    expect(await auditRows()).toBe(before);
    const row = await findByMac(ledger.current.db, mac('a4:58:0f:05:00:00'));
    expect(row).toMatchObject({ state: 'released', generation: 0, observed: true });
    expect(row).not.toHaveProperty('owner');
    expect((await takeAddress(ledger.current, aPodRequest('first'))).mac).toBe('a4:58:0f:05:00:01');
    expect((await poolStats(ledger.current.db)).find(({ pool }) => pool === 'kubernetes')).toMatchObject({
      observed: 1,
      released: 0,
      totalAllocated: 1,
    });
  });

  test('goes to whoever requests it, as its first owner, and stays observed', async () => {
    const address = mac('a4:58:0f:05:00:10');
    await observeOne(stray(address));
    const request = aPodRequest('explicit', { requested: address });
    expect(await requestAddress(ledger.current, request)).toMatchObject({ outcome: 'allocated', generation: 1 });
    expect(await findByMac(ledger.current.db, address)).toMatchObject({ state: 'pending', observed: true });
  });

  test('is free after the reuse delay when nothing observes it any more', async () => {
    const own = await freshLedger();
    await joinCluster(own.db, 'c1');
    const first = mac('a4:58:0f:05:00:00');
    await observe(own.db, [stray(first), stray(first, { name: 'other' })], 'operator');
    expect(await endObservations(own.db, [stray(first)])).toBe(1);
    expect(await findByMac(own.db, first)).toMatchObject({ observed: true });
    expect(await endObservations(own.db, await observationsOfMac(own.db, first))).toBe(1);
    expect(await findByMac(own.db, first)).toMatchObject({ observed: false, state: 'released' });
    expect(await requestAddress(own, aPodRequest('early', { requested: first }))).toMatchObject({ outcome: 'in_use' });
    await own.advance(3_601);
    expect(await requestAddress(own, aPodRequest('late', { requested: first }))).toMatchObject({
      outcome: 'allocated',
    });
    expect(await findingsExceptClock(own.db)).toEqual([]);
    await own.close();
  });
});

describe('a released address that is observed', () => {
  test('is passed over in the queue, and goes to its end when the observation ends', async () => {
    const own = await freshLedger();
    await joinCluster(own.db, 'c1');
    const range = { first: mac('a4:58:0f:20:00:00'), last: mac('a4:58:0f:20:00:02'), description: '' };
    await definePool(own.db, { name: 'tiny', ...range, autoReleaseSeconds: null, reuseDelaySeconds: 60 }, 'test');
    const tiny = (key: string) => aRequest({ key, pool: 'tiny' });
    for (const key of ['a', 'b', 'c']) {
      await release(own.db, [await takeAddress(own, tiny(key))], { actor: 'test', reason: 'test' });
    }
    await own.advance(61);
    await observe(own.db, [stray(range.first), stray(addressAt(range.first, 1))], 'operator');
    expect(await observationsOfMac(own.db, addressAt(range.first, 1))).toEqual([]); // one is the limit of so small a pool
    expect((await takeAddress(own, tiny('d'))).mac).toBe(addressAt(range.first, 1));
    expect((await takeAddress(own, tiny('e'))).mac).toBe(addressAt(range.first, 2));
    expect(await requestAddress(own, tiny('f'))).toEqual({ outcome: 'exhausted', nextReuseAt: undefined });
    await endObservations(own.db, [stray(range.first)]);
    expect(await requestAddress(own, tiny('f'))).toMatchObject({
      outcome: 'exhausted',
      nextReuseAt: expect.any(Date) as Date,
    });
    await own.advance(61);
    expect((await takeAddress(own, tiny('f'))).mac).toBe(range.first);
    expect(await findingsExceptClock(own.db)).toEqual([]);
    await own.close();
  });

  test('goes back to its last owner, unless the namespace was created anew', async () => {
    const { mac: address, ...held } = await takeAddress(ledger.current, aPodRequest('web-0'));
    const allocatedAt = (await findByMac(ledger.current.db, address))?.allocatedAt ?? new Date();
    await release(ledger.current.db, [{ mac: address, ...held }], { actor: 'test', reason: 'test' });
    await observeOne(stray(address, { namespace: 'thief' }));
    const again = { requested: address, key: 'named/web-0-again' };
    const later = new Date(allocatedAt.getTime() + 1_000);
    expect(
      await requestAddress(ledger.current, aPodRequest('web-0', { ...again, namespaceSince: later })),
    ).toMatchObject({
      outcome: 'in_use',
    });
    const before = new Date(allocatedAt.getTime() - 1_000);
    expect(
      await requestAddress(ledger.current, aPodRequest('web-0', { ...again, namespaceSince: before })),
    ).toMatchObject({
      outcome: 'allocated',
      generation: 2,
    });
  });
});

test('an owned address is observed for other objects, and blocked after its release', async () => {
  const held = await takeAddress(ledger.current, aPodRequest('owner'));
  expect(await observeOne(stray(held.mac, { namespace: 'squat' }))).toBe('observed');
  expect(await findByMac(ledger.current.db, held.mac)).toMatchObject({ state: 'pending', observed: true });
  await release(ledger.current.db, [held], { actor: 'test', reason: 'test' });
  expect(await findByMac(ledger.current.db, held.mac)).toMatchObject({ state: 'released', observed: true });
});

describe('the limits of observations', () => {
  const many = (first: string, count: number, options: Stray = {}) =>
    Array.from({ length: count }, (_, index) =>
      stray(addressAt(first, index), { nic: `net#${String(index)}`, ...options }),
    );
  const observed = async (items: readonly ObserveItem[]) =>
    (await observe(ledger.current.db, items, 'operator')).filter(({ outcome }) => outcome === 'observed').length;

  test('are 64 for an object and 64 for a namespace', async () => {
    expect(await observed(many('a4:58:0f:03:00:00', 100, { namespace: 'drain' }))).toBe(64);
    expect(await observed(many('a4:58:0f:03:01:00', 10, { namespace: 'drain', name: 'second' }))).toBe(0);
    expect(await observed(many('a4:58:0f:03:02:00', 10, { namespace: 'other' }))).toBe(10);
  });

  test('do not hold where the namespace may use the pool', async () => {
    expect(await observed(many('a4:58:0f:03:03:00', 200, { namespace: 'drain', name: 'vm', limited: false }))).toBe(
      200,
    );
    expect(await observationsOfObjects(ledger.current.db, { clusterId: 'c1', uids: ['uid-of-drain-vm'] })).toHaveLength(
      200,
    );
  });

  test('are an eighth of a pool over all namespaces', async () => {
    const range = { first: mac('a4:58:0f:21:00:00'), last: mac('a4:58:0f:21:00:3f'), description: '' };
    const pool = { name: 'small', ...range, autoReleaseSeconds: null, reuseDelaySeconds: 60 };
    await definePool(ledger.current.db, pool, 'test');
    const items = Array.from({ length: 64 }, (_, index) =>
      stray(addressAt('a4:58:0f:21:00:00', index), { namespace: `n${String(index)}` }),
    );
    expect(await observed(items)).toBe(8);
  });

  test('count an observation no more when its namespace may use the pool by now', async () => {
    const [item] = many('a4:58:0f:03:05:00', 1, { namespace: 'grows', name: 'vm' });
    if (item === undefined) throw new Error('no item');
    expect(await observeOne(item)).toBe('observed');
    expect(await observeOne({ ...item, limited: false, running: false })).toBe('known');
    expect(await observationsOfMac(ledger.current.db, item.mac)).toMatchObject([{ limited: false }]);
  });
});

test('an observation says whether the guest of its instance migrates, also if that begins later', async () => {
  const { db } = ledger.current;
  const item = stray(addressAt('a4:58:0f:03:06:00', 0), { namespace: 'moves', name: 'vm', limited: false });
  expect(await observeOne(item)).toBe('observed');
  expect(await observationsOfMac(db, item.mac)).toMatchObject([{ migrates: false }]);
  expect(await observeOne({ ...item, limited: true, migrates: true })).toBe('known');
  expect(await observationsOfMac(db, item.mac)).toMatchObject([{ migrates: true, limited: false }]);
});

test('an adoption ends the observation of its object, and no other', async () => {
  const { db } = ledger.current;
  const address = mac('a4:58:0f:04:00:01');
  const mine = stray(address, { name: 'mine' });
  await observe(db, [mine, stray(address, { name: 'yours' })], 'operator');
  const item = { mac: address, key: boundKey({ ...mine.object, mac: address }), owner: mine.object, requester: 'ada' };
  expect(await adopt(db, [item], 'ada')).toEqual([{ outcome: 'adopted', generation: 1 }]);
  expect(await observationsOfMac(db, address)).toMatchObject([{ object: { name: 'yours' } }]);
  await endObservations(db, await observationsOfMac(db, address));
  expect(await findByMac(db, address)).toMatchObject({ state: 'active', observed: false, releasedAt: undefined });
});

test('a pool defined or grown over observed addresses does not hand them out, and can still be removed', async () => {
  const { db } = ledger.current;
  const first = mac('a4:58:0f:22:00:00');
  await observe(db, [stray(first, { namespace: 'x' }), stray(addressAt(first, 5), { namespace: 'y' })], 'operator');
  expect(await findByMac(db, first)).toBeUndefined();
  const pool = { name: 'later', first, last: addressAt(first, 3), description: '' };
  expect(await definePool(db, { ...pool, autoReleaseSeconds: null, reuseDelaySeconds: 60 }, 'test')).toBe('defined');
  expect(await findByMac(db, first)).toMatchObject({ observed: true, pool: 'later' });
  expect(await growPool(db, 'later', addressAt(first, 9), 'test')).toBe('grown');
  expect(await findByMac(db, addressAt(first, 5))).toMatchObject({ observed: true });
  expect(await removePool(db, 'later', 'test')).toBe('removed');
  expect(await observationsOfMac(db, first)).toHaveLength(1);
});

test('a used pool that is removed is only paused, and still hands out no observed address when it is defined again', async () => {
  const own = await freshLedger();
  const { db } = own;
  await joinCluster(db, 'c1');
  const first = mac('a4:58:0f:25:00:00');
  const pool = { name: 'again', first, last: addressAt(first, 2), description: '' };
  const define = () => definePool(db, { ...pool, autoReleaseSeconds: null, reuseDelaySeconds: 60 }, 'test');
  expect(await define()).toBe('defined');
  const used = await takeAddress(own, aRequest({ key: 'again-1', pool: 'again' }));
  await release(db, [used], { actor: 'test', reason: 'test' });
  await observe(db, [stray(addressAt(first, 1), { namespace: 'again' })], 'operator');
  expect(await removePool(db, 'again', 'test')).toBe('paused');
  expect(await findByMac(db, addressAt(first, 1))).toMatchObject({ observed: true });
  expect(await define()).toBe('unchanged');
  await pausePool(db, 'again', false, 'test');
  await own.advance(61);
  const given = [
    (await takeAddress(own, aRequest({ key: 'again-2', pool: 'again' }))).mac,
    (await takeAddress(own, aRequest({ key: 'again-3', pool: 'again' }))).mac,
  ];
  expect(given.sort()).toEqual([first, addressAt(first, 2)]);
  await own.close();
});

describe('addresses that were observed before their pool existed', () => {
  const first = mac('a4:58:0f:23:00:00');
  const small = { first, last: addressAt('a4:58:0f:23:00:00', 1_023) };
  const large = { first, last: addressAt('a4:58:0f:23:00:00', 4_095) };
  const of = (namespace: string, offset: number, options: Stray = {}) =>
    Array.from({ length: 100 }, (_, index) =>
      stray(addressAt(first, offset + index), { namespace, name: `${namespace}-${String(index)}`, ...options }),
    );

  test('are all kept from others, until their cluster says who may use the pool; then as many as the limits allow', async () => {
    const own = await freshLedger();
    const { db } = own;
    await joinCluster(db, 'c1');
    for (const [index, namespace] of ['oldest', 'old', 'new'].entries()) {
      const outcomes = await observe(db, of(namespace, index * 100), 'operator');
      expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['observed']));
      await own.advance(1);
    }
    const trusted = of('trusted', 300, { limited: false });
    await observe(db, trusted, 'operator');
    const pool = { name: 'later', ...small, autoReleaseSeconds: null, reuseDelaySeconds: 60, description: '' };
    await definePool(db, pool, 'test');
    const blocked = async () => {
      const [row] = await own.sql('select count(*)::int as count from rock_mac.addresses where blocked');
      return Number(row?.['count']);
    };
    expect(await blocked()).toBe(400);

    expect(await limitObservations(db, { clusterId: 'c1', pools: [] })).toBe(0);
    expect(await limitObservations(db, { clusterId: 'c1', pools: [small] })).toBe(172);
    expect(await blocked()).toBe(228);
    const kept = Map.groupBy(await observationsOfCluster(db, 'c1'), ({ object }) => object.namespace);
    expect([...kept].map(([namespace, each]) => [namespace, each.length]).toSorted()).toEqual([
      ['old', 64],
      ['oldest', 64],
      ['trusted', 100],
    ]);
    expect(await findByMac(db, addressAt(first, 250))).toMatchObject({ observed: false });
    expect((await observe(db, of('new', 200), 'operator'))[0]?.outcome).toBe('over_limit');
    expect(await limitObservations(db, { clusterId: 'c1', pools: [small] })).toBe(0);
    expect(await findingsExceptClock(db)).toEqual([]);

    await observe(db, of('beyond', 2_000), 'operator');
    await growPool(db, 'later', large.last, 'test');
    expect(await blocked()).toBe(328);
    expect(await limitObservations(db, { clusterId: 'c1', pools: [small] })).toBe(0);
    expect(await limitObservations(db, { clusterId: 'c1', pools: [large] })).toBe(36);
    expect(await blocked()).toBe(292);
    expect(await findingsExceptClock(db)).toEqual([]);
    await own.close();
  });

  test('are compared with the limits in slices, and those of another cluster stay as they are', async () => {
    const own = await freshLedger();
    const { db } = own;
    await joinCluster(db, 'c1');
    await joinCluster(db, 'c2');
    const pool = { name: 'later', ...large, autoReleaseSeconds: null, reuseDelaySeconds: 60, description: '' };
    for (let index = 0; index < 12; index++) await observe(db, of('flood', index * 100), 'operator');
    await observe(db, of('flood', 2_000, { clusterId: 'c2' }), 'operator');
    await definePool(db, pool, 'test');
    expect(await limitObservations(db, { clusterId: 'c1', pools: [large] })).toBe(1_136);
    expect(await observationsOfCluster(db, 'c1')).toHaveLength(64);
    expect(await observationsOfCluster(db, 'c2')).toHaveLength(100);
    await own.close();
  });
});

test('a failover sets aside the addresses that could have been handed out, not the observed ones', async () => {
  const own = await freshLedger();
  await joinCluster(own.db, 'c1');
  await own.sql('update rock_mac.ledger_state set replication_gap = 2');
  await observe(own.db, [stray(mac('a4:58:0f:05:00:00'))], 'operator');
  await recover(own.db, { expected: 1, lossy: true, actor: 'test' });
  const gap = await own.sql(`select addr from rock_mac.addresses a join rock_mac.pools p using (pool_id)
                             where p.name = 'kubernetes' and state = 'orphaned' order by addr`);
  expect(gap.map(({ addr }) => numberToMac(Number(addr)))).toEqual(['a4:58:0f:05:00:01', 'a4:58:0f:05:00:02']);
  await own.close();
});

test('an address is never handed out after it was observed, whatever runs at once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(40), { minLength: 5, maxLength: 40 }), async (offsets) => {
      const own = await freshLedger();
      await joinCluster(own.db, 'c1');
      const observedAt = new Map<string, Promise<unknown>>();
      const handedOut: { readonly mac: string; readonly before: ReadonlySet<string> }[] = [];
      const done = new Set<string>();
      await Promise.all(
        offsets.map(async (offset, index) => {
          if (index % 2 === 0) {
            const item = stray(addressAt('a4:58:0f:05:00:00', offset), { name: `p${String(index)}`, limited: false });
            const observing = observe(own.db, [item], 'operator').then(() => done.add(item.mac));
            observedAt.set(item.mac, observing);
            await observing;
          } else {
            const before = new Set(done);
            const { mac: given } = await takeAddress(own, aPodRequest(`o${String(index)}`));
            handedOut.push({ mac: given, before });
          }
        }),
      );
      for (const { mac: given, before } of handedOut) expect(before).not.toContain(given);
      expect(await findingsExceptClock(own.db)).toEqual([]);
      await endObservations(own.db, await observationsOfCluster(own.db, 'c1'));
      expect(await findingsExceptClock(own.db)).toEqual([]);
      await own.close();
    }),
    { numRuns: 8 },
  );
});

describe('an address of another prefix', () => {
  const range = '02:00:00:00:00:00';

  test('is recorded without a row, counts toward a limit of its own, and not toward that of any pool', async () => {
    const own = await freshLedger();
    await joinCluster(own.db, 'c1');
    const items = Array.from({ length: 9_000 }, (_, index) =>
      stray(addressAt(range, index), { name: `vm-${String(index)}`, namespace: 'kmp' }),
    );
    const outcomes: (string | undefined)[] = [];
    for (let start = 0; start < items.length; start += 500) {
      outcomes.push(
        ...(await observe(own.db, items.slice(start, start + 500), 'operator')).map(({ outcome }) => outcome),
      );
    }
    expect(outcomes.filter((outcome) => outcome === 'observed')).toHaveLength(8_192);
    expect(outcomes.filter((outcome) => outcome === 'over_limit')).toHaveLength(808);
    expect(await findByMac(own.db, addressAt(range, 0))).toBeUndefined();
    const inPool = stray(mac('a4:58:0f:05:00:00'), { namespace: 'kmp' });
    expect((await observe(own.db, [inPool], 'operator'))[0]?.outcome).toBe('observed');
    expect((await poolStats(own.db)).map(({ observed }) => observed).reduce((sum, each) => sum + each)).toBe(1);
    expect(await findingsExceptClock(own.db)).toEqual([]);
    await own.close();
  });

  test('is recorded up to 64 times for one object', async () => {
    const items = Array.from({ length: 80 }, (_, index) =>
      stray(addressAt('02:00:00:01:00:00', index), { name: 'many' }),
    );
    const outcomes = await observe(ledger.current.db, items, 'operator');
    expect(outcomes.filter(({ outcome }) => outcome === 'observed')).toHaveLength(64);
  });

  test('is shown with its object, page by page, and by pool, namespace, object and time', async () => {
    const own = await freshLedger();
    const { db } = own;
    await joinCluster(db, 'c1');
    const items = Array.from({ length: 5 }, (_, index) =>
      stray(addressAt(range, index), { name: `p${String(index)}` }),
    );
    await observe(db, [...items, stray(mac('a4:58:0f:05:00:07'), { namespace: 'web' })], 'operator');
    const names: string[] = [];
    let after: string | undefined;
    do {
      const page = await listObservations(db, { after, limit: 2 });
      names.push(...page.map(({ mac: address }) => address));
      const last = page.at(-1);
      after = page.length < 2 || last === undefined ? undefined : observationMark(last);
    } while (after !== undefined);
    expect(names).toEqual([...items.map((item) => item.mac), 'a4:58:0f:05:00:07']);
    const shown = async (filter: Parameters<typeof listObservations>[1]) =>
      (await listObservations(db, filter)).map(({ mac: address }) => address);
    expect(await shown({ namespace: 'web' })).toEqual(['a4:58:0f:05:00:07']);
    expect(await shown({ pools: ['kubernetes'] })).toEqual(['a4:58:0f:05:00:07']);
    expect(await shown({ kind: 'Pod', name: 'p3' })).toEqual([addressAt(range, 3)]);
    expect(await shown({ since: new Date('2100-01-01') })).toEqual([]);
    expect(await listObservations(db, { mac: addressAt(range, 1) })).toMatchObject([
      { object: { namespace: 'bob', name: 'p1' }, pool: undefined, running: false, segment: '' },
    ]);
    await expect(async () => await listObservations(db, { after: 'no mark' })).rejects.toThrow(/page mark/);
    await own.close();
  });
});

describe('who uses an address outside of a cluster', () => {
  test('are running objects of others, and owners; with the segment, if it is known', async () => {
    const own = await freshLedger();
    const { db } = own;
    await joinCluster(db, 'c1');
    await joinCluster(db, 'c2');
    const foreign = mac('02:00:00:00:00:01');
    const there = { ...stray(foreign, { clusterId: 'c2', name: 'there' }), segment: 'lab' };
    await observe(db, [there, stray(foreign, { name: 'here' })], 'operator');
    expect(await usersElsewhere(db, { clusterId: 'c1', macs: [foreign] })).toEqual([]);
    expect((await observe(db, [{ ...there, running: true }], 'operator'))[0]?.outcome).toBe('known');
    expect(await usersElsewhere(db, { clusterId: 'c1', macs: [foreign] })).toMatchObject([
      { mac: foreign, kind: 'Pod', namespace: 'bob', name: 'there', segment: 'lab', migrates: false },
    ]);
    expect(await usersElsewhere(db, { clusterId: 'c2', macs: [foreign] })).toEqual([]);
    await own.close();
  });
});

describe('addresses that are newly shared between clusters', () => {
  test('are those with a user here and another one elsewhere, of which one has changed since then', async () => {
    const own = await freshLedger();
    const { db } = own;
    await joinCluster(db, 'c1');
    await joinCluster(db, 'c2');
    const shared = async (clusterId: string, since: Date | undefined) =>
      (await newlyShared(db, { clusterId, since })).macs.toSorted();
    const at = async () => (await newlyShared(db, { clusterId: 'c1', since: undefined })).now;
    const foreign = mac('02:00:00:00:00:31');
    const ours = mac('a4:58:0f:05:00:31');
    const began = await at();
    const here = { ...stray(foreign, { name: 'here' }), running: true };
    await observe(db, [here, { ...stray(ours, { name: 'here' }), running: true }], 'operator');
    await observe(db, [{ ...stray(mac('02:00:00:00:00:32'), { clusterId: 'c2' }), running: true }], 'operator');
    expect(await shared('c1', began)).toEqual([]);

    await own.advance(60);
    const first = await at();
    const there = { ...stray(foreign, { clusterId: 'c2', name: 'there' }), running: false };
    await observe(db, [there], 'operator');
    expect(await shared('c1', first)).toEqual([]);
    expect(await shared('c2', first)).toEqual([foreign]);
    await observe(db, [{ ...there, running: true }], 'operator');
    expect(await shared('c1', first)).toEqual([foreign]);
    expect(await shared('c1', undefined)).toEqual([]);

    await own.advance(60);
    const second = await at();
    const owner = { clusterId: 'c2', kind: 'Pod', namespace: 'web', name: 'owner', uid: 'u-owner', nic: 'net#0' };
    await adopt(db, [{ mac: ours, key: boundKey({ ...owner, mac: ours }), owner, requester: 'ada' }], 'ada');
    expect(await shared('c1', second)).toEqual([ours]);
    expect(await shared('c2', second)).toEqual([ours]);
    await own.close();
  });
});

test('a recovery leaves a known observation as it is, and a resync says whether it counts toward the limits', async () => {
  const { db } = ledger.current;
  const item = { ...stray(mac('02:00:00:00:00:21'), { name: 'counted' }), running: true, segment: 'lab' };
  const seen = async () => (await observationsOfMac(db, item.mac))[0];
  await observeOne(item);
  expect(await observeOne(stray(item.mac, { name: 'counted', limited: false }))).toBe('known');
  expect(await seen()).toMatchObject({ limited: true, running: true, segment: 'lab' });
  await observeOne({ ...item, limited: false, running: false });
  expect(await seen()).toMatchObject({ limited: false, running: false });
  await observeOne(item);
  expect(await seen()).toMatchObject({ limited: true, running: true });
});

describe('what a cluster has observed when it is retired', () => {
  const foreign = mac('02:00:00:00:00:07');
  const ours = mac('a4:58:0f:05:00:00');
  const there = (address: MacAddress) => ({ ...stray(address, { clusterId: 'c2' }), running: true });

  test('ends: nobody shares its addresses any more, and they wait out the reuse delay', async () => {
    const own = await freshLedger();
    const { db } = own;
    await joinCluster(db, 'c1');
    await joinCluster(db, 'c2');
    await observe(db, [there(foreign), there(ours), { ...stray(ours), running: true }], 'operator');
    await observe(db, [there(addressAt(ours, 1))], 'operator');
    await retireCluster(db, 'c2', 'ada');
    expect(await observationsOfCluster(db, 'c2')).toEqual([]);
    expect(await observationsOfMacs(db, [foreign])).toEqual([]);
    expect(await usersElsewhere(db, { clusterId: 'c1', macs: [foreign, ours] })).toEqual([]);
    // Another cluster observes the first one still.
    expect(await findByMac(db, ours)).toMatchObject({ observed: true });
    expect(await findByMac(db, addressAt(ours, 1))).toMatchObject({ observed: false, state: 'released' });
    expect((await takeAddress(own, aPodRequest('next'))).mac).toBe(addressAt(ours, 2));
    expect((await observe(db, [there(foreign)], 'operator'))[0]?.outcome).toBe('not_registered');
    expect(await findingsExceptClock(db)).toEqual([]);
    await own.close();
  });

  test('ends in slices, and counts for nobody from the first on', async () => {
    const own = await freshLedger();
    const { db } = own;
    await joinCluster(db, 'c1');
    await joinCluster(db, 'c2');
    const macs = Array.from({ length: 5 }, (_, index) => addressAt(foreign, index));
    await observe(db, macs.map(there), 'operator');
    const slice = async () =>
      (await own.sql("select left_over::int as left_over from rock_mac.retire_cluster('c2', 2, 'ada')"))[0]?.[
        'left_over'
      ];
    expect(await slice()).toBe(3);
    expect(await observationsOfMacs(db, macs)).toEqual([]);
    expect(await usersElsewhere(db, { clusterId: 'c1', macs })).toEqual([]);
    expect(await slice()).toBe(1);
    expect(await slice()).toBe(0);
    await own.close();
  });
});
