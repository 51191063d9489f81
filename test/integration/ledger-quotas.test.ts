import { beforeAll, describe, expect, test } from 'vitest';
import { allocate, type AllocationRequest } from '../../ledger/address/allocate.ts';
import { expiredLeases } from '../../ledger/address/expired-leases.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { admissionKey, leaseKey } from '../../ledger/address/holder-key.ts';
import { release, rollBack } from '../../ledger/address/release.ts';
import { releaseExpired } from '../../ledger/address/release-expired.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { definePool, limitPool } from '../../ledger/pool/pools.ts';
import { mac, macToNumber, numberToMac } from '../../mac/mac-address.ts';
import {
  aPodRequest,
  findingsExceptClock,
  freshLedger,
  joinCluster,
  LEASE_SECONDS,
  ledgerOfThisFile,
  requestAddress,
  takeAddress,
  type TestLedger,
} from './ledger-fixture.ts';

const ledger = ledgerOfThisFile();

async function definePoolOf(own: Pick<TestLedger, 'db'>, name: string, first: string, size: number): Promise<void> {
  const range = { first: mac(first), last: numberToMac(macToNumber(mac(first)) + size - 1), description: '' };
  await definePool(own.db, { name, ...range, autoReleaseSeconds: null, reuseDelaySeconds: 3_600 }, 'test');
}

beforeAll(async () => {
  await joinCluster(ledger.current.db, 'c1');
  await joinCluster(ledger.current.db, 'c2');
});

interface Asked {
  readonly namespace?: string;
  readonly pool?: string;
  readonly clusterId?: string;
  readonly kind?: string;
  readonly state?: AllocationRequest['state'];
  readonly maxAddresses?: number;
}

function asked(name: string, options: Asked = {}): AllocationRequest {
  const {
    namespace = 'team',
    pool = 'kubernetes',
    clusterId = 'c1',
    kind = 'Pod',
    state = 'pending',
    maxAddresses,
  } = options;
  const owner = { clusterId, kind, namespace, name, nic: 'eth0' };
  return aPodRequest(name, { key: `${clusterId}/${namespace}/${name}/${pool}`, pool, owner, state, maxAddresses });
}

async function outcomes(requests: readonly AllocationRequest[], pool = 'kubernetes'): Promise<readonly string[]> {
  const results = await allocate(ledger.current.db, pool, requests, { leaseSeconds: LEASE_SECONDS });
  return results.map(({ outcome }) => outcome);
}

describe('the limit of a pool for each namespace', () => {
  test('counts pods, virtual machines and claims alike, within one group and over several', async () => {
    expect(await limitPool(ledger.current.db, { clusterId: 'c1', pool: 'docker' }, 3)).toBe('limited');
    const pool = 'docker';
    expect(
      await outcomes([asked('a', { pool }), asked('b', { pool, kind: 'MacAllocation', state: 'active' })], pool),
    ).toEqual(['allocated', 'allocated']);
    expect(
      await outcomes([asked('c', { pool, kind: 'VirtualMachine' }), asked('d', { pool }), asked('e', { pool })], pool),
    ).toEqual(['allocated', 'pool_quota', 'pool_quota']);
    expect(await outcomes([asked('a', { pool })], pool)).toEqual(['replayed']);
  });

  test('holds neither for other namespaces, other pools, other clusters nor devices', async () => {
    const pool = 'docker';
    expect(await outcomes([asked('a', { pool, namespace: 'other' })], pool)).toEqual(['allocated']);
    expect(await outcomes([asked('a', { pool, clusterId: 'c2' })], pool)).toEqual(['allocated']);
    expect(await outcomes([asked('d')])).toEqual(['allocated']);
  });

  test('has room again after a release, and none any more when it is removed', async () => {
    const { db } = ledger.current;
    const pool = 'docker';
    const key = asked('a', { pool }).key;
    const held = await takeAddress(ledger.current, asked('a', { pool }));
    await release(db, [{ ...held, key }], { actor: 'test', reason: 'test' });
    expect(await outcomes([asked('d', { pool }), asked('e', { pool })], pool)).toEqual(['allocated', 'pool_quota']);
    expect(await limitPool(db, { clusterId: 'c1', pool }, undefined)).toBe('unlimited');
    expect(await outcomes([asked('e', { pool })], pool)).toEqual(['allocated']);
    expect(await limitPool(db, { clusterId: 'c1', pool: 'none' }, 1)).toBe('pool_not_found');
  });
});

test('the limit of a namespace counts its addresses of all pools', async () => {
  const limited = (name: string, pool: string) => asked(name, { namespace: 'small', pool, maxAddresses: 2 });
  expect(await outcomes([limited('a', 'kubernetes')])).toEqual(['allocated']);
  expect(await outcomes([limited('b', 'docker'), limited('c', 'docker')], 'docker')).toEqual([
    'allocated',
    'namespace_quota',
  ]);
  expect(await outcomes([limited('d', 'kubernetes')])).toEqual(['namespace_quota']);
  expect(await outcomes([asked('e', { namespace: 'small', maxAddresses: 0 })])).toEqual(['namespace_quota']);
});

test('many groups at once never pass the limit of a pool', async () => {
  const pool = 'experiment';
  await limitPool(ledger.current.db, { clusterId: 'c1', pool }, 10);
  const groups = Array.from({ length: 12 }, (_, group) =>
    Array.from({ length: 3 }, (_, index) => asked(`n${String(group)}-${String(index)}`, { pool })),
  );
  const results = await Promise.all(groups.map((group) => outcomes(group, pool)));
  expect(results.flat().filter((outcome) => outcome === 'allocated')).toHaveLength(10);
});

describe('an address that was never seen on an object', () => {
  test('is free at once when the refused object had no name, and after ten minutes when it had one', async () => {
    const own = await freshLedger();
    await joinCluster(own.db, 'c1');
    await definePoolOf(own, 'two', 'a4:58:0f:30:00:00', 2);
    const nameless = { ...asked('', { pool: 'two' }), key: leaseKey('random', 'eth0') };
    const parts = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'web', nic: 'eth0', pool: 'two' };
    const named = { ...asked('web', { pool: 'two' }), key: admissionKey(parts) };
    const held = [await takeAddress(own, nameless), await takeAddress(own, named)];
    expect(await rollBack(own.db, held, { actor: 'test', reason: 'refused' })).toEqual([
      { outcome: 'released' },
      { outcome: 'released' },
    ]);
    expect((await poolStats(own.db)).find(({ pool }) => pool === 'two')).toMatchObject({ free: 1, released: 2 });
    expect(await requestAddress(own, asked('x', { pool: 'two' }))).toMatchObject({
      outcome: 'allocated',
      mac: held[0]?.mac,
    });
    expect(await requestAddress(own, asked('y', { pool: 'two' }))).toMatchObject({ outcome: 'exhausted' });
    await own.advance(601);
    expect(await requestAddress(own, asked('y', { pool: 'two' }))).toMatchObject({
      outcome: 'allocated',
      mac: held[1]?.mac,
    });
    expect(await findingsExceptClock(own.db)).toEqual([]);
    await own.close();
  });

  test('is free ten minutes after the release of its lease', async () => {
    const own = await freshLedger();
    await joinCluster(own.db, 'c1');
    await definePoolOf(own, 'one', 'a4:58:0f:31:00:00', 1);
    const failing = await takeAddress(own, asked('fails', { pool: 'one' }));
    await own.advance(LEASE_SECONDS + 1);
    const expired = await expiredLeases(own.db, 'c1', 10);
    expect(await releaseExpired(own.db, expired, { actor: 'test', reason: 'test' })).toEqual([{ outcome: 'released' }]);
    const next = await requestAddress(own, asked('next', { pool: 'one' }));
    expect(next).toMatchObject({ outcome: 'exhausted' });
    await own.advance(601);
    expect(await requestAddress(own, asked('next', { pool: 'one' }))).toMatchObject({
      outcome: 'allocated',
      mac: failing.mac,
    });
    await own.close();
  });

  test('is not rolled back once its object was stored', async () => {
    const held = await takeAddress(ledger.current, asked('stored'));
    await ledger.current.sql(
      `update rock_mac.addresses set state = 'active', expires_at = null where holder_key = $1`,
      [held.key],
    );
    expect(await rollBack(ledger.current.db, [held], { actor: 'test', reason: 'refused' })).toEqual([
      { outcome: 'bound' },
    ]);
    expect(await findByMac(ledger.current.db, held.mac)).toMatchObject({ state: 'active' });
  });
});
