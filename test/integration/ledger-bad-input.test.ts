import { describe, expect, test } from 'vitest';
import { adopt } from '../../ledger/address/adopt.ts';
import type { AllocationRequest } from '../../ledger/address/allocate.ts';
import { createAllocator } from '../../ledger/address/allocator.ts';
import { bind } from '../../ledger/address/bind.ts';
import { dropConsumer, expiredConsumers, takeConsumer } from '../../ledger/address/consumer.ts';
import { releaseExpiredDevices } from '../../ledger/address/expired-devices.ts';
import { expiredLeases } from '../../ledger/address/expired-leases.ts';
import { findByDevice, findByHolderKey, findByMac, findByOwnerUids, listAddresses } from '../../ledger/address/find.ts';
import { keepReserved } from '../../ledger/address/keep-reserved.ts';
import { markMissing, missingAddresses } from '../../ledger/address/mark-missing.ts';
import { release } from '../../ledger/address/release.ts';
import { releaseExpired } from '../../ledger/address/release-expired.ts';
import { renew } from '../../ledger/address/renew.ts';
import { suggestTargets } from '../../ledger/address/suggest.ts';
import { listAudit } from '../../ledger/audit.ts';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { followAudit } from '../../ledger/follow-audit.ts';
import { definePool, growPool, pausePool, removePool } from '../../ledger/pool/pools.ts';
import { markAdopted, registerCluster, retireCluster } from '../../ledger/state/clusters.ts';
import { recoverIfBehind } from '../../ledger/state/recovery.ts';
import { mac, type MacAddress } from '../../mac/mac-address.ts';
import { aRequest, ledgerOfThisFile, takeAddress } from './ledger-fixture.ts';

const ledger = ledgerOfThisFile();
const by = { actor: 'test', reason: 'test' };

/** Texts that Postgres cannot store, or that are too long. */
const BAD_TEXTS = { NUL: 'a\0b', 'half a surrogate pair': 'a\ud800', 'ten megabytes': 'x'.repeat(1e7) };

/** Texts that a cast may turn into a MacAddress. */
const ODD_MACS = [
  '',
  'hello',
  'A4:58:0F:01:00:00',
  'a4-58-0f-01-00-00',
  'a4580f010000',
  'a4:58:0f:01:00',
  'a4:58:0f:01:00:00\0',
  '٤٤:58:0f:01:00:00',
];
const odd = (text: string) => text as MacAddress;

const good = mac('a4:58:0f:01:ff:ff');
const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'n', name: 'p', uid: 'u', nic: 'eth0' };
const pool = {
  name: 'p',
  first: mac('a4:58:0f:70:00:00'),
  last: mac('a4:58:0f:70:00:0f'),
  description: '',
  autoReleaseSeconds: null,
  reuseDelaySeconds: 60,
};

/** Every function that takes a group of items, with one valid item that the ledger does not know. */
const GROUPS: Readonly<
  Record<string, (db: Queryable, key: string, address: MacAddress) => Promise<readonly { outcome: string }[]>>
> = {
  release: (db, key, address) =>
    release(
      db,
      [
        { mac: address, generation: 1, key },
        { mac: good, generation: 1, key: 'k' },
      ],
      by,
    ),
  'release of leases': (db, key, address) =>
    releaseExpired(
      db,
      [
        { mac: address, generation: 1, key },
        { mac: good, generation: 1, key: 'k' },
      ],
      by,
    ),
  'keep reserved': (db, key, address) =>
    keepReserved(
      db,
      [
        { mac: address, generation: 1, key },
        { mac: good, generation: 1, key: 'k' },
      ],
      by,
    ),
  renew: (db, key, address) =>
    renew(db, [
      { mac: address, generation: 1, key },
      { mac: good, generation: 1, key: 'k' },
    ]),
  bind: (db, key, address) =>
    bind(
      db,
      [
        { mac: address, key, boundKey: 'b', owner },
        { mac: good, key: 'k', boundKey: 'b', owner },
      ],
      'test',
    ),
  adopt: (db, key, address) =>
    adopt(
      db,
      [
        { mac: address, key, owner, requester: 'r' },
        { mac: good, key: 'k', owner, requester: 'r' },
      ],
      'test',
    ),
  'drop of a consumer': (db, key, address) =>
    dropConsumer(
      db,
      [
        { mac: address, consumerKey: key },
        { mac: good, consumerKey: 'k' },
      ],
      by,
    ),
};

describe('in a group, a bad item is refused alone and its neighbour gets a result:', () => {
  const NEIGHBOUR = { 'drop of a consumer': 'not_consumer', adopt: 'not_registered' } as const;
  test.each(Object.entries(GROUPS))('%s', async (name, call) => {
    const neighbour = Object.entries(NEIGHBOUR).find(([key]) => key === name)?.[1] ?? 'unknown';
    const attempts = [
      ...Object.values(BAD_TEXTS).map((text) => call(ledger.current.db, text, good)),
      ...ODD_MACS.map((text) => call(ledger.current.db, 'key', odd(text))),
    ];
    for (const attempt of attempts) {
      const [bad, other, ...more] = await attempt;
      expect(bad).toEqual({
        outcome: 'invalid',
        why: expect.stringMatching(/contains NUL|is longer|is not a MAC|too big/i) as string,
      });
      expect([other?.outcome, more]).toEqual([neighbour, []]);
    }
  });

  test('a consumer', async () => {
    const item = (key: string) => ({ claimKey: 'c', key, kind: 'Pod', name: 'p', nic: 'eth0' });
    const items = [...Object.values(BAD_TEXTS).map(item), item('fine')];
    const outcomes = (await takeConsumer(ledger.current.db, items, { actor: 'test' })).map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['invalid', 'invalid', 'invalid', 'unknown']);
  });
});

test('an allocation request with a bad value fails alone, whatever the value is', async () => {
  const allocator = createAllocator({ db: ledger.current.db, leaseSeconds: 120 });
  const circle: Record<string, unknown> = {};
  circle['self'] = circle;
  const changes: Partial<AllocationRequest>[] = [
    ...Object.values(BAD_TEXTS).flatMap((text) => [
      { key: text },
      { pool: text },
      { device: { id: text } },
      { device: { type: text } },
      { requester: text },
      { actor: text },
      { reason: text },
      { owner: { ...owner, namespace: text } },
      { owner: { ...owner, uid: text } },
      { metadata: { text } },
      { metadata: { [text]: 1 } },
    ]),
    ...ODD_MACS.map((text) => ({ requested: odd(text) })),
    ...[-1, 0, 1.5, NaN, Infinity, 1e300].map((ttlSeconds) => ({ ttlSeconds })),
    ...[circle, { n: NaN }, { n: 1n }, { f: () => 1 }].map((metadata) => ({ metadata })),
  ];
  const neighbours = Array.from({ length: 20 }, (_, n) => allocator.allocate(aRequest({ key: `fine-${String(n)}` })));
  for (const [n, change] of changes.entries()) {
    const attempt = allocator.allocate(aRequest({ key: `bad-${String(n)}`, ...change }));
    await expect(attempt, JSON.stringify(Object.keys(change))).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      retryable: false,
    });
  }
  expect(new Set((await Promise.all(neighbours)).map(({ outcome }) => outcome))).toEqual(new Set(['allocated']));
  await allocator.close();
  expect(await listAddresses(ledger.current.db, { limit: 100 })).toHaveLength(20);
});

test('a reason that cannot be stored refuses each item, with the message of Postgres', async () => {
  const held = await takeAddress(ledger.current, aRequest({ key: 'reason' }));
  const both = await release(ledger.current.db, [held, { ...held, generation: 2 }], {
    actor: 'test',
    reason: BAD_TEXTS.NUL,
  });
  expect(both.map(({ outcome }) => outcome)).toEqual(['invalid', 'invalid']);
  expect(await release(ledger.current.db, [held], by)).toEqual([{ outcome: 'released' }]);
});

test('a number that no column can store is refused', async () => {
  const held = await takeAddress(ledger.current, aRequest({ key: 'numbers' }));
  for (const generation of [-1, 0, 1.5, NaN, 2 ** 60]) {
    expect(await release(ledger.current.db, [{ ...held, generation }], by)).toMatchObject([{ outcome: 'invalid' }]);
  }
});

/** Calls that are refused as a whole. */
const CALLS: Readonly<Record<string, (db: LedgerClient) => Promise<unknown>>> = {
  'a list of less than no rows': (db) => listAddresses(db, { limit: -1 }),
  'a list of half a row': (db) => listAddresses(db, { limit: 0.5 }),
  'a list of too many rows': (db) => listAddresses(db, { limit: 1e9 }),
  'a list of a pool with NUL': (db) => listAddresses(db, { pool: BAD_TEXTS.NUL }),
  'a list after no address': (db) => listAddresses(db, { after: odd('hello') }),
  'a list of an owner whose name is too long': (db) => listAddresses(db, { name: BAD_TEXTS['ten megabytes'] }),
  'a list since no time': (db) => listAddresses(db, { allocatedSince: new Date(Number.NaN) }),
  'the audit of half a surrogate pair': (db) => listAudit(db, { actor: BAD_TEXTS['half a surrogate pair'] }),
  'the audit after less than nothing': (db) => followAudit(db, -1),
  'a completion of NUL': (db) => suggestTargets(db, BAD_TEXTS.NUL, 10),
  'a completion of less than nothing': (db) => suggestTargets(db, 'vm-', -1),
  'a memory of no ledger': (db) => recoverIfBehind(db, { ledgerId: 'x', epoch: 1, auditHead: 1 }, 'test'),
  'a history of less than no rows': (db) => listAudit(db, { limit: -1 }),
  'a history before no row': (db) => listAudit(db, { before: -5 }),
  'a history of no address': (db) => listAudit(db, { mac: odd('hello') }),
  'a search for no address': (db) => findByMac(db, odd('hello')),
  'a search for a key with NUL': (db) => findByHolderKey(db, BAD_TEXTS.NUL),
  'a search for a device of ten megabytes': (db) => findByDevice(db, BAD_TEXTS['ten megabytes']),
  'a search for half a surrogate pair': (db) => findByOwnerUids(db, 'c1', [BAD_TEXTS['half a surrogate pair']]),
  'an expiry of less than none': (db) =>
    releaseExpiredDevices(db, { pool: 'docker', graceSeconds: 0, limit: -1, actor: 'test' }),
  'leases of less than none': (db) => expiredLeases(db, 'c1', -1),
  'consumers of less than none': (db) => expiredConsumers(db, 'c1', -1),
  'missing ones of less than none': (db) => missingAddresses(db, 'c1', -1),
  'leases of a cluster with NUL': (db) => expiredLeases(db, BAD_TEXTS.NUL, 1),
  'a resync at no time': (db) => markMissing(db, { clusterId: 'c1', startedAt: new Date(NaN), seen: [] }),
  'a resync that saw no address': (db) =>
    markMissing(db, { clusterId: 'c1', startedAt: new Date(), seen: [odd('hello')] }),
  'a cluster with NUL': (db) => registerCluster(db, { clusterId: BAD_TEXTS.NUL, name: 'x' }, 'test'),
  'a cluster without an id': (db) => registerCluster(db, { clusterId: '', name: 'x' }, 'test'),
  'a cluster of ten megabytes, adopted': (db) =>
    markAdopted(db, { clusterId: BAD_TEXTS['ten megabytes'], epoch: 1 }, 'test'),
  'a cluster with NUL, retired': (db) => retireCluster(db, BAD_TEXTS.NUL, 'test'),
  'a pool with capitals': (db) => definePool(db, { ...pool, name: 'Pool' }, 'test'),
  'a pool that ends before it begins': (db) => definePool(db, { ...pool, first: pool.last, last: pool.first }, 'test'),
  'a pool from nowhere': (db) => definePool(db, { ...pool, first: odd('hello') }, 'test'),
  'a pool with NUL in its description': (db) => definePool(db, { ...pool, description: BAD_TEXTS.NUL }, 'test'),
  'a pool that waits for ever': (db) => definePool(db, { ...pool, reuseDelaySeconds: Infinity }, 'test'),
  'a pool that grows to nowhere': (db) => growPool(db, 'docker', odd('hello'), 'test'),
  'a pool with NUL, paused': (db) => pausePool(db, BAD_TEXTS.NUL, true, 'test'),
  'a pool with NUL, removed': (db) => removePool(db, BAD_TEXTS.NUL, 'test'),
};

describe('an invalid call is refused as a bad request, and the ledger keeps working:', () => {
  test.each(Object.entries(CALLS))('%s', async (_, call) => {
    await expect(call(ledger.current.db)).rejects.toMatchObject({
      name: 'LedgerError',
      code: 'BAD_REQUEST',
      retryable: false,
    });
    expect(await listAddresses(ledger.current.db, { limit: 1 })).toBeInstanceOf(Array);
  });
});
