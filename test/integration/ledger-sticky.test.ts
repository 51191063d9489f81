import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import { adopt } from '../../ledger/address/adopt.ts';
import { allocate, type AllocationRequest } from '../../ledger/address/allocate.ts';
import { bind } from '../../ledger/address/bind.ts';
import { expiredLeases } from '../../ledger/address/expired-leases.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { boundKey, stickyKey } from '../../ledger/address/holder-key.ts';
import { ledgerTime, markMissing, missingAddresses } from '../../ledger/address/mark-missing.ts';
import { release, rollBack } from '../../ledger/address/release.ts';
import { releaseExpired } from '../../ledger/address/release-expired.ts';
import { transfer } from '../../ledger/address/transfer.ts';
import { listAudit } from '../../ledger/audit.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { pausePool, removePool } from '../../ledger/pool/pools.ts';
import { retireCluster } from '../../ledger/state/clusters.ts';
import { markReported, recover } from '../../ledger/state/recovery.ts';
import {
  clearUnreachable,
  listUnreachable,
  listUnreachableNodes,
  markUnreachable,
} from '../../ledger/sticky/unreachable.ts';
import { markUnused, releaseUnused, unusedAddresses } from '../../ledger/sticky/unused.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { auditAndTable, replay } from './ledger-audit-replay.ts';
import {
  aPodRequest,
  aStickyRequest,
  freshLedger,
  joinCluster,
  LEASE_SECONDS,
  requestAddress,
  stickyPod,
  takeAddress,
  type TestLedger,
} from './ledger-fixture.ts';

let ledger: TestLedger;
const by = { actor: 'test', reason: 'test' };
const HOUR = 3_600;
const DAY = 24 * HOUR;
const WORKER = { clusterId: 'c1', node: 'worker-1' };

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

/** A pod is admitted and stored, and the operator sees it. */
async function start(name: string, changes: Partial<AllocationRequest> = {}): Promise<AddressRef> {
  const address = await takeAddress(ledger, aStickyRequest(name, changes));
  await see(name, address);
  return address;
}

/** The operator sees that a stored pod uses its sticky address. */
async function see(name: string, { mac, key }: AddressRef): Promise<void> {
  const item = { mac, key, boundKey: key, owner: stickyPod(name) };
  expect(await bind(ledger.db, [item], 'operator')).toMatchObject([{ outcome: 'bound' }]);
}

const rowOf = async ({ mac }: { readonly mac: MacAddress }) => {
  const row = await findByMac(ledger.db, mac);
  if (row === undefined) throw new Error(`${mac} has no row`);
  return row;
};

/** Returns the row of an address as a caller reads it that wants to release it as unused. */
async function unusedItem(address: AddressRef) {
  const row = await rowOf(address);
  if (row.missingSince === undefined) throw new Error(`${row.mac} is in use`);
  return { ...row, missingSince: row.missingSince };
}

describe('a sticky address', () => {
  test('stays with the name: every pod of the name gets it, and only the first one is a new owner', async () => {
    const first = await start('web-0');
    expect(await rowOf(first)).toMatchObject({ state: 'active', key: first.key, owner: { name: 'web-0' } });
    expect((await rowOf(first)).owner?.uid).toBeUndefined();
    await markUnused(ledger.db, [first]);
    await ledger.advance(30 * DAY);
    const again = await requestAddress(ledger, aStickyRequest('web-0'));
    expect(again).toMatchObject({ outcome: 'replayed', mac: first.mac, generation: first.generation, state: 'active' });
    const other = await takeAddress(ledger, aStickyRequest('web-1'));
    expect(other.mac).not.toBe(first.mac);
  });

  test('is not bound twice in the audit while it is used', async () => {
    const address = await start('web-0');
    await see('web-0', address);
    const actions = (await listAudit(ledger.db, { mac: address.mac })).map(({ action }) => action);
    expect(actions).toEqual(['bind', 'allocate']);
  });

  test('is another one in another cluster, namespace or kind, and on another interface', () => {
    const owner = stickyPod('web-0');
    const others = [
      { clusterId: 'c2' },
      { namespace: 'shop' },
      { kind: 'VirtualMachine' },
      { name: 'web-1' },
      { nic: 'eth1' },
    ];
    const keys = [owner, ...others.map((change) => ({ ...owner, ...change }))].map((each) => stickyKey(each));
    expect(new Set(keys).size).toBe(6);
  });

  test('is not answered with if another cluster has taken its key', async () => {
    await joinCluster(ledger.db, 'c2');
    const { mac, key } = await takeAddress(
      ledger,
      aStickyRequest('web-0', { owner: { ...stickyPod('web-0'), clusterId: 'c2' } }),
    );
    expect(await requestAddress(ledger, aStickyRequest('web-0'))).toEqual({ outcome: 'not_allowed' });
    expect(await rowOf({ mac })).toMatchObject({ state: 'pending', key, owner: { clusterId: 'c2' } });
  });

  test('keeps the address of its old pool when its namespace changes the pool, and says which pool that is', async () => {
    const { mac } = await start('web-0', { pool: 'development' });
    expect(await requestAddress(ledger, aStickyRequest('web-0'))).toMatchObject({
      ...{ outcome: 'replayed', mac, pool: 'development' },
    });
    expect(await requestAddress(ledger, aStickyRequest('web-1'))).toMatchObject({
      ...{ outcome: 'allocated', pool: 'kubernetes' },
    });
  });

  test('gets a new lease while it is pending, also when it is asked for in another pool', async () => {
    const first = await takeAddress(ledger, aStickyRequest('web-0', { pool: 'development' }));
    await ledger.advance(LEASE_SECONDS - 10);
    await takeAddress(ledger, aStickyRequest('web-0'));
    await ledger.advance(LEASE_SECONDS - 10);
    expect(await expiredLeases(ledger.db, 'c1', 10)).toEqual([]);
    await ledger.advance(20);
    expect(await expiredLeases(ledger.db, 'c1', 10)).toMatchObject([{ mac: first.mac }]);
  });

  test('that nobody used is released after its lease, and the name gets the next one', async () => {
    const first = await takeAddress(ledger, aStickyRequest('web-0'));
    await ledger.advance(LEASE_SECONDS + 1);
    expect(await releaseExpired(ledger.db, [first], by)).toEqual([{ outcome: 'released' }]);
    const second = await requestAddress(ledger, aStickyRequest('web-0'));
    expect(second).toMatchObject({ outcome: 'allocated' });
    expect(second).not.toMatchObject({ mac: first.mac });
  });

  test('is restored when the pod was stored all the same, unless the name has another one by then', async () => {
    const first = await takeAddress(ledger, aStickyRequest('web-0'));
    await rollBack(ledger.db, [first], by);
    await see('web-0', first);
    const second = await takeAddress(ledger, aStickyRequest('db-0'));
    await rollBack(ledger.db, [second], by);
    const third = await takeAddress(ledger, aStickyRequest('db-0'));
    const item = { mac: second.mac, key: second.key, boundKey: second.key, owner: stickyPod('db-0') };
    expect(await bind(ledger.db, [item], 'operator')).toMatchObject([{ outcome: 'conflict' }]);
    await see('db-0', third);
  });

  test('in a group goes to one request of the name, whichever of two pools they ask', async () => {
    const requests = ['web-0', 'web-1', 'web-0'].map((name) => aStickyRequest(name));
    const options = { leaseSeconds: LEASE_SECONDS };
    const results = await allocate(ledger.db, 'kubernetes', requests, options);
    expect(results[0]).toEqual(results[2]);
    expect(await allocate(ledger.db, 'development', requests, options)).toMatchObject(
      results.map((result) => ({ ...result, outcome: 'replayed', expiresAt: expect.any(Date) as Date })),
    );
  });

  test('becomes the own address of the object that uses it when a person ends the stickiness', async () => {
    const sticky = await start('web-0');
    await markUnreachable(ledger.db, WORKER, [sticky], 'operator');
    const owner = { ...stickyPod('web-0'), uid: 'u1' };
    const own = { mac: sticky.mac, generation: sticky.generation, key: boundKey({ ...owner, mac: sticky.mac }) };
    const item = { mac: sticky.mac, key: sticky.key, boundKey: own.key, owner };
    expect(await bind(ledger.db, [item], 'operator')).toMatchObject([{ outcome: 'bound' }]);
    expect(await rowOf(sticky)).toMatchObject({ state: 'active', key: own.key, unreachableNode: undefined });
    expect(await takeAddress(ledger, aStickyRequest('web-0'))).not.toMatchObject({ mac: sticky.mac });
    expect(await release(ledger.db, [own], by)).toEqual([{ outcome: 'released' }]);
  });

  test('does not become the address of an object of another name', async () => {
    const { mac, key } = await start('web-0');
    const owner = { ...stickyPod('web-1'), uid: 'u1' };
    const item = { mac, key, boundKey: boundKey({ ...owner, mac }), owner };
    expect(await bind(ledger.db, [item], 'operator')).toMatchObject([{ outcome: 'conflict' }]);
  });

  test('is not handed over to a claim', async () => {
    const sticky = await start('web-0');
    await markUnreachable(ledger.db, WORKER, [sticky], 'operator');
    const owner = { clusterId: 'c1', kind: 'MacAllocation', namespace: 'team', name: 'mine', uid: 'u', nic: '' };
    const item = { ...sticky, newKey: 'claim/mine', state: 'active' as const, owner, requester: 'ada', reason: 'test' };
    expect(await transfer(ledger.db, [item], 'operator')).toMatchObject([{ outcome: 'not_held' }]);
  });

  test('has no uid, and nothing else is without one', async () => {
    const { mac, key } = await start('web-0');
    const [owner, plain] = [{ ...stickyPod('web-0'), uid: 'u' }, 'named/web-0'];
    const items = [
      { mac, key, boundKey: key, owner },
      { mac, key, boundKey: plain, owner: stickyPod('web-0') },
    ];
    expect(await bind(ledger.db, items, 'test')).toMatchObject([{ outcome: 'invalid' }, { outcome: 'invalid' }]);
    const adoptions = [
      { mac, key, owner, requester: 'ada' },
      { mac, key: plain, owner: stickyPod('web-0'), requester: 'ada' },
    ];
    expect(await adopt(ledger.db, adoptions, 'test')).toMatchObject([{ outcome: 'invalid' }, { outcome: 'invalid' }]);
  });

  test('counts in the quota of its namespace while it is unused, and a replay is never over it', async () => {
    const web = await start('web-0');
    await markUnused(ledger.db, [web]);
    expect(await requestAddress(ledger, aStickyRequest('web-1', { maxAddresses: 1 }))).toEqual({
      outcome: 'namespace_quota',
    });
    expect(await requestAddress(ledger, aStickyRequest('web-0', { maxAddresses: 1 }))).toMatchObject({
      outcome: 'replayed',
    });
  });

  test('is refused in a paused pool as every address is, and no pool that has one is removed', async () => {
    const plain = await takeAddress(ledger, aPodRequest('plain'));
    const { mac } = await start('web-0');
    await pausePool(ledger.db, 'kubernetes', true, 'test');
    expect(await requestAddress(ledger, aPodRequest('plain'))).toEqual({ outcome: 'pool_paused' });
    expect(await requestAddress(ledger, aStickyRequest('web-0'))).toEqual({ outcome: 'pool_paused' });
    expect(await requestAddress(ledger, aStickyRequest('web-0', { pool: 'development' }))).toMatchObject({
      ...{ outcome: 'replayed', mac, pool: 'kubernetes' },
    });
    await rollBack(ledger.db, [plain], by);
    expect(await removePool(ledger.db, 'kubernetes', 'test')).toBe('in_use');
    expect(await requestAddress(ledger, aStickyRequest('web-0', { pool: 'gone' }))).toEqual({
      outcome: 'pool_not_found',
    });
  });

  test('is orphaned with its cluster, and then released only by force', async () => {
    const address = await start('web-0');
    await markUnreachable(ledger.db, WORKER, [address], 'operator');
    await retireCluster(ledger.db, 'c1', 'ada');
    expect(await rowOf(address)).toMatchObject({ state: 'orphaned', unreachableNode: undefined });
    expect(await requestAddress(ledger, aStickyRequest('web-0'))).toEqual({ outcome: 'not_adopted' });
    expect(await release(ledger.db, [address], by)).toEqual([{ outcome: 'needs_force' }]);
    expect(await release(ledger.db, [address], { ...by, force: true })).toEqual([{ outcome: 'released' }]);
  });
});

describe('a namespace that was made again', () => {
  test('does not get the addresses of the former one, which change in nothing', async () => {
    const namespaceSince = await ledgerTime(ledger.db);
    const address = await start('web-0', { namespaceSince });
    await markUnused(ledger.db, [address]);
    const before = await rowOf(address);
    await ledger.advance(10);
    const later = aStickyRequest('web-0', { namespaceSince: await ledgerTime(ledger.db) });
    expect(await requestAddress(ledger, later)).toEqual({ outcome: 'other_namespace' });
    expect(await rowOf(address)).toEqual(before);
    expect(await requestAddress(ledger, aStickyRequest('web-0', { namespaceSince }))).toMatchObject({
      ...{ outcome: 'replayed', mac: address.mac },
    });
  });

  test('is not confused with the present one if the clock of the ledger is behind that of the API server', async () => {
    const namespaceSince = new Date((await ledgerTime(ledger.db)).getTime() + 30_000);
    const { mac } = await takeAddress(ledger, aStickyRequest('web-0', { namespaceSince }));
    expect(await requestAddress(ledger, aStickyRequest('web-0', { namespaceSince }))).toMatchObject({
      ...{ outcome: 'replayed', mac },
    });
  });
});

describe('an unused sticky address', () => {
  test('is found after the period of its pool, in pages, and not among those whose objects are missing', async () => {
    const first = await start('web-0'); // kubernetes: one day
    const second = await start('web-1');
    const never = await start('web-2', { pool: 'production' }); // never: 24 hours
    await markUnused(ledger.db, [first, second, never]);
    await ledger.advance(DAY - 10);
    expect(await unusedAddresses(ledger.db, 'c1', { limit: 10 })).toEqual([]);
    await ledger.advance(20);
    const all = await unusedAddresses(ledger.db, 'c1', { limit: 10 });
    expect(all.map(({ mac }) => mac)).toEqual([never.mac, first.mac, second.mac]);
    expect(await unusedAddresses(ledger.db, 'c1', { limit: 1, after: never.mac })).toMatchObject([{ mac: first.mac }]);
    expect(await missingAddresses(ledger.db, 'c1', 10)).toEqual([]);
    await markUnreachable(ledger.db, WORKER, [first], 'operator');
    expect(await unusedAddresses(ledger.db, 'c1', { limit: 1, after: never.mac })).toMatchObject([{ mac: second.mac }]);
    await ledger.sql(`update rock_mac.clock_trust set agreed_at = '-infinity'`);
    expect(await unusedAddresses(ledger.db, 'c1', { limit: 10 })).toEqual([]);
  });

  test('is marked by a resync that no object of the name shows, and by the operator at once', async () => {
    const [first, second] = [await start('web-0'), await start('web-1')];
    await ledger.advance(1);
    const startedAt = await ledgerTime(ledger.db);
    expect(await markUnused(ledger.db, [second])).toEqual([{ outcome: 'unused' }]);
    const since = (await rowOf(second)).missingSince;
    await markMissing(ledger.db, { clusterId: 'c1', startedAt, seen: [] });
    expect((await rowOf(first)).missingSince).toBeDefined();
    await markUnused(ledger.db, [second]);
    expect((await rowOf(second)).missingSince).toEqual(since);
  });

  test('is used again when a pod is seen, or is found by a resync, and is unused anew while a pod is only admitted', async () => {
    const address = await start('web-0');
    await markUnused(ledger.db, [address]);
    const { missingSince } = await unusedItem(address);
    await takeAddress(ledger, aStickyRequest('web-0'));
    expect((await unusedItem(address)).missingSince.getTime()).toBeGreaterThan(missingSince.getTime());
    await see('web-0', address);
    expect((await rowOf(address)).missingSince).toBeUndefined();
    await markUnused(ledger.db, [address]);
    await markMissing(ledger.db, { clusterId: 'c1', startedAt: await ledgerTime(ledger.db), seen: [address.mac] });
    expect((await rowOf(address)).missingSince).toBeUndefined();
  });

  test('is released only if it is unused since the time that the caller read', async () => {
    const address = await start('web-0');
    await markUnused(ledger.db, [address]);
    const old = await unusedItem(address);
    await takeAddress(ledger, aStickyRequest('web-0'));
    expect(await releaseUnused(ledger.db, [old], by)).toEqual([{ outcome: 'used' }]);
    await ledger.advance(1);
    await markUnused(ledger.db, [address]);
    expect(await releaseUnused(ledger.db, [old], by)).toEqual([{ outcome: 'used' }]);
    const item = await unusedItem(address);
    expect(await releaseUnused(ledger.db, [{ ...item, generation: 7 }], by)).toEqual([{ outcome: 'not_owner' }]);
    await ledger.sql(`update rock_mac.clock_trust set agreed_at = '-infinity'`);
    expect(await releaseUnused(ledger.db, [item], by)).toEqual([{ outcome: 'held' }]);
    await ledger.advance(0);
    expect(await releaseUnused(ledger.db, [item], by)).toEqual([{ outcome: 'released' }]);
    expect(await releaseUnused(ledger.db, [item], by)).toEqual([{ outcome: 'already_released' }]);
    expect(await rowOf(address)).toMatchObject({ state: 'released', missingSince: undefined });
    expect(await requestAddress(ledger, aStickyRequest('web-0'))).toMatchObject({ outcome: 'allocated' });
  });

  test('is no plain or pending one', async () => {
    const plain = await takeAddress(ledger, aPodRequest('plain'));
    const pending = await takeAddress(ledger, aStickyRequest('web-0'));
    const owner = { ...stickyPod('plain'), uid: 'u' };
    await bind(ledger.db, [{ mac: plain.mac, key: plain.key, boundKey: plain.key, owner }], 'operator');
    const items = [plain, pending];
    expect(await markUnused(ledger.db, items)).toEqual([{ outcome: 'not_held' }, { outcome: 'not_held' }]);
    expect((await rowOf(plain)).missingSince).toBeUndefined();
    expect(await markUnreachable(ledger.db, WORKER, items, 'operator')).toEqual([
      ...[{ outcome: 'not_held' }, { outcome: 'not_held' }],
    ]);
    await ledger.sql(`update rock_mac.addresses set missing_since = '2026-01-01' where holder_key = 'named/plain'`);
    expect(await releaseUnused(ledger.db, [await unusedItem(plain)], by)).toEqual([{ outcome: 'used' }]);
  });

  test('beyond the limit of its namespace keeps new names from being sticky, but not known ones nor other namespaces', async () => {
    const ask = (name: string, changes: Partial<AllocationRequest> = {}) =>
      requestAddress(ledger, aStickyRequest(name, { unusedLimit: 2, ...changes }));
    const addresses = [await start('a'), await start('b'), await start('c')];
    await markUnused(ledger.db, addresses.slice(0, 1));
    expect(await ask('d')).toMatchObject({ outcome: 'allocated' });
    await markUnused(ledger.db, addresses);
    expect(await ask('e')).toEqual({ outcome: 'unused_limit' });
    expect(await ask('e', { unusedLimit: 4 })).toMatchObject({ outcome: 'allocated' });
    expect(await requestAddress(ledger, aStickyRequest('f'))).toMatchObject({ outcome: 'allocated' });
    const elsewhere = { ...stickyPod('a'), namespace: 'shop' };
    expect(await ask('a', { owner: elsewhere, key: stickyKey(elsewhere) })).toMatchObject({ outcome: 'allocated' });
    expect(await ask('a')).toMatchObject({ outcome: 'replayed' });
    expect(await ask('b')).toMatchObject({ outcome: 'replayed' });
    // A create may be refused after its admission. Only an object that is stored uses the address.
    expect(await ask('g')).toEqual({ outcome: 'unused_limit' });
    for (const [name, address] of [
      ['a', addresses[0]],
      ['b', addresses[1]],
    ] as const)
      if (address) await see(name, address);
    expect(await ask('g')).toMatchObject({ outcome: 'allocated' });
  });
});

describe('a sticky address whose last pod may still run', () => {
  test('is not answered with until its node is back, and changes in nothing meanwhile', async () => {
    const address = await start('web-0');
    expect(await markUnreachable(ledger.db, WORKER, [address], 'operator')).toEqual([{ outcome: 'marked' }]);
    await markUnused(ledger.db, [address]);
    const before = await rowOf(address);
    const refused = { outcome: 'consumer_unreachable', mac: address.mac, node: 'worker-1' };
    expect(await requestAddress(ledger, aStickyRequest('web-0'))).toEqual(refused);
    expect(await requestAddress(ledger, aStickyRequest('web-0', { pool: 'development' }))).toEqual(refused);
    expect(await rowOf(address)).toEqual(before);
    expect(await listUnreachable(ledger.db, WORKER)).toMatchObject([{ mac: address.mac, unreachableNode: 'worker-1' }]);
    expect(await clearUnreachable(ledger.db, WORKER, [address], by)).toEqual([address.mac]);
    expect(await listUnreachable(ledger.db, WORKER)).toEqual([]);
    expect(await requestAddress(ledger, aStickyRequest('web-0'))).toMatchObject({ outcome: 'replayed' });
  });

  test('is released neither as unused nor otherwise, except by force', async () => {
    const address = await start('web-0');
    await markUnused(ledger.db, [address]);
    await markUnreachable(ledger.db, WORKER, [address], 'operator');
    await ledger.advance(30 * DAY);
    expect(await releaseUnused(ledger.db, [await unusedItem(address)], by)).toEqual([{ outcome: 'unreachable' }]);
    expect(await release(ledger.db, [address], by)).toEqual([{ outcome: 'unreachable' }]);
    expect(await release(ledger.db, [address], { ...by, force: true })).toEqual([{ outcome: 'released' }]);
    expect(await rowOf(address)).toMatchObject({ state: 'released', unreachableNode: undefined });
  });

  test('keeps the mark of the first node, and marks of other nodes and clusters stay', async () => {
    const [first, second] = [await start('web-0'), await start('web-1')];
    const other = { ...WORKER, node: 'worker-2' };
    await markUnreachable(ledger.db, WORKER, [first], 'operator');
    expect(await markUnreachable(ledger.db, other, [first, second], 'operator')).toEqual([
      ...[{ outcome: 'other_node' }, { outcome: 'marked' }],
    ]);
    expect(await markUnreachable(ledger.db, { ...WORKER, clusterId: 'c2' }, [second], 'operator')).toEqual([
      { outcome: 'not_held' },
    ]);
    expect(await clearUnreachable(ledger.db, { ...WORKER, clusterId: 'c2' }, [first, second], by)).toEqual([]);
    expect(await listUnreachableNodes(ledger.db, 'c1')).toEqual(['worker-1', 'worker-2']);
    expect(await listUnreachableNodes(ledger.db, 'c2')).toEqual([]);
    expect(await listUnreachable(ledger.db, other)).toMatchObject([{ mac: second.mac }]);
    expect(await clearUnreachable(ledger.db, other, [first, second], by)).toEqual([second.mac]);
    expect(await listUnreachableNodes(ledger.db, 'c1')).toEqual(['worker-1']);
    expect(await listUnreachable(ledger.db, WORKER)).toMatchObject([{ mac: first.mac }]);
  });

  test('is answered with once a person says that this pod has ended, and the other pods of the node stay marked', async () => {
    const [first, second] = [await start('web-0'), await start('web-1')];
    await markUnreachable(ledger.db, WORKER, [first, second], 'operator');
    const items = [first, { ...second, generation: 7 }];
    expect(await clearUnreachable(ledger.db, WORKER, items, by)).toEqual([first.mac]);
    expect(await requestAddress(ledger, aStickyRequest('web-1'))).toMatchObject({ outcome: 'consumer_unreachable' });
  });

  test('has the mark and its end in the audit, each once', async () => {
    const address = await start('web-0');
    await markUnreachable(ledger.db, WORKER, [address], 'operator');
    await markUnreachable(ledger.db, WORKER, [address], 'operator');
    const byAda = { actor: 'ada', reason: 'a person says that the pod has ended' };
    await clearUnreachable(ledger.db, WORKER, [address], byAda);
    await clearUnreachable(ledger.db, WORKER, [address], by);
    const [end, mark] = await listAudit(ledger.db, { mac: address.mac, limit: 2 });
    expect(mark).toMatchObject({ action: 'unreachable', details: { unreachableNode: 'worker-1' } });
    expect(end).toMatchObject({ action: 'reachable', actor: 'ada', reason: 'a person says that the pod has ended' });
    expect(end?.details).not.toHaveProperty('unreachableNode');
    expect(await listAudit(ledger.db, { mac: address.mac })).toHaveLength(4);
  });

  test('is kept apart from one of a namespace that no longer exists', async () => {
    const address = await start('web-0', { namespaceSince: new Date(0) });
    await markUnreachable(ledger.db, WORKER, [address], 'operator');
    await ledger.advance(10);
    const namespaceSince = await ledgerTime(ledger.db);
    expect(await requestAddress(ledger, aStickyRequest('web-0', { namespaceSince }))).toEqual({
      outcome: 'other_namespace',
    });
  });

  test.each([
    { clusterId: 'c1', node: '' },
    { clusterId: 'c1', node: 'n'.repeat(254) },
  ])('has the name of a node: %j is refused', async (node) => {
    const call = markUnreachable(ledger.db, node, [], 'operator');
    await expect(call).rejects.toSatisfy((error) => isLedgerError(error) && error.code === 'BAD_REQUEST');
  });
});

describe('after a failover', () => {
  test('a sticky claim proves whose address it is, also if the ledger has lost it', async () => {
    const kept = await start('web-0');
    await ledger.sql(`update rock_mac.ledger_state set timeline = 'before'`);
    const epoch = await recover(ledger.db, { expected: 1, actor: 'test' });
    const [, lost] = await ledger.sql(`select rock_mac.to_mac(addr) as mac from rock_mac.addresses
                                       where origin = 'replication-gap' and pool_id = (select pool_id from rock_mac.pools where name = 'kubernetes') order by addr`);
    const of = (name: string, mac: unknown) => {
      const owner = stickyPod(name);
      return { mac: String(mac) as MacAddress, key: stickyKey(owner), owner, requester: 'operator' };
    };
    const items = [
      of('web-0', kept.mac),
      of('web-1', lost?.['mac']),
      of('web-0', lost?.['mac']),
      of('web-2', kept.mac),
    ];
    expect(await adopt(ledger.db, items, 'operator')).toMatchObject([
      { outcome: 'held', generation: kept.generation },
      { outcome: 'adopted' },
      { outcome: 'key_conflict' },
      { outcome: 'conflict' },
    ]);
    expect(await markReported(ledger.db, { clusterId: 'c1', epoch }, 'operator')).toBe('open');
    expect(await requestAddress(ledger, aStickyRequest('web-1'))).toMatchObject({
      ...{ outcome: 'replayed', mac: lost?.['mac'] },
    });
  });
});
