import { beforeAll, describe, expect, test } from 'vitest';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import type { AllocationRequest } from '../../ledger/address/allocate.ts';
import { takeConsumer } from '../../ledger/address/consumer.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { keepReserved } from '../../ledger/address/keep-reserved.ts';
import { release } from '../../ledger/address/release.ts';
import { transfer, type TransferItem } from '../../ledger/address/transfer.ts';
import { listAudit } from '../../ledger/audit.ts';
import { observationsOfMac } from '../../ledger/observation/observations.ts';
import { observe } from '../../ledger/observation/observe.ts';
import { limitPool } from '../../ledger/pool/pools.ts';
import { retireCluster } from '../../ledger/state/clusters.ts';
import { recover } from '../../ledger/state/recovery.ts';
import { auditAndTable, replay } from './ledger-audit-replay.ts';
import {
  aRequest,
  findingsExceptClock,
  freshLedger,
  joinCluster,
  ledgerOfThisFile,
  retryTransient,
  takeAddress,
  untilLockWait,
} from './ledger-fixture.ts';

const ledger = ledgerOfThisFile({ max: 8 });
const by = { actor: 'test', reason: 'test' };

beforeAll(async () => {
  for (const cluster of ['c1', 'c2']) await joinCluster(ledger.current.db, cluster);
});

const aClaim = (namespace: string, name: string, clusterId = 'c1') => {
  return { clusterId, kind: 'MacAllocation', namespace, name, uid: `uid of ${name}`, nic: '' };
};

async function hold(name: string, changes: Partial<AllocationRequest> = {}): Promise<AddressRef> {
  const owner = aClaim('old', name);
  return takeAddress(ledger.current, aRequest({ key: `claim/${name}`, pool: 'production', owner, ...changes }));
}

function toClaim(from: AddressRef, name: string, changes: Partial<TransferItem> = {}): TransferItem {
  const owner = aClaim('new', name);
  const why = { requester: 'ada', reason: 'handed over by MacAllocation old/x' };
  return { ...from, newKey: `claim/new-${name}`, state: 'active', owner, ...why, ...changes };
}

async function transferOne(item: TransferItem) {
  const [result] = await transfer(ledger.current.db, [item], 'operator');
  return result;
}

describe('an address that is handed over', () => {
  test.each(['active', 'reserved'] as const)(
    'stays %s, and has one audit row and one more generation',
    async (state) => {
      const { db } = ledger.current;
      const from = await hold(`from-${state}`, { state, device: { id: 'old-vm' }, metadata: { rack: 'a7' } });
      const item = toClaim(from, state, { state, device: { id: 'vm' } });
      expect(await transferOne(item)).toMatchObject({ outcome: 'transferred', generation: from.generation + 1 });
      expect(await findByMac(db, from.mac)).toMatchObject({
        ...{ state, key: item.newKey, origin: 'transfer', owner: item.owner, device: { id: 'vm' }, metadata: {} },
        ...{ requester: 'ada', generation: from.generation + 1 },
      });
      expect(
        (await listAudit(db, { mac: from.mac })).map(({ action, user, reason, ...row }) => [
          action,
          user,
          reason,
          row.owner,
        ]),
      ).toEqual([
        ['transfer', 'ada', item.reason, `MacAllocation/new/${state}`],
        [state === 'active' ? 'allocate' : 'reserve', 'ada', '', `MacAllocation/old/from-${state}`],
      ]);
      expect(await transferOne(item)).toMatchObject({ outcome: 'transferred', generation: from.generation + 1 });
      expect(await release(db, [from], { ...by, force: true })).toEqual([{ outcome: 'not_owner' }]);
      const { entries, table } = await auditAndTable(db);
      expect(replay(entries)).toEqual(table);
      expect(await findingsExceptClock(db)).toEqual([]);
    },
  );

  test('has the expiry of its new owner', async () => {
    const { db } = ledger.current;
    const from = await hold('short', { ttlSeconds: 60 });
    await transferOne(toClaim(from, 'forever'));
    expect((await findByMac(db, from.mac))?.expiresAt).toBeUndefined();
    const device = await takeAddress(ledger.current, aRequest({ key: 'device/1', device: { id: 'one' } }));
    const toDevice = { ...device, newKey: 'device/2', device: { id: 'two' }, requester: 'ada', reason: 'moved' };
    expect(await transferOne({ ...toDevice, state: 'active' })).toMatchObject({
      outcome: 'transferred',
      expiresAt: expect.any(Date) as Date,
    });
    expect(await findByMac(db, device.mac)).toMatchObject({ device: { id: 'two' } });
  });

  test('is no longer observed on the object that owns it now', async () => {
    const { db } = ledger.current;
    const from = await hold('seen');
    const item = toClaim(from, 'seen');
    await observe(db, [{ mac: from.mac, object: aClaim('new', 'seen'), limited: false }], 'test');
    expect(await observationsOfMac(db, from.mac)).toHaveLength(1);
    await transferOne(item);
    expect(await observationsOfMac(db, from.mac)).toEqual([]);
  });

  test('counts in the quota of its new namespace', async () => {
    const { db } = ledger.current;
    const from = await hold('counted', { pool: 'docker' });
    const item = (changes: Partial<TransferItem>) => toClaim(from, 'counted', changes);
    expect(await transferOne(item({ maxAddresses: 0 }))).toEqual({ outcome: 'namespace_quota' });
    await limitPool(db, { clusterId: 'c1', pool: 'docker' }, 1);
    const other = await hold('other', { pool: 'docker', owner: aClaim('new', 'other') });
    expect(await transferOne(item({}))).toEqual({ outcome: 'pool_quota' });
    await release(db, [other], by);
    // One that stays in its namespace is already counted.
    const inside = { owner: aClaim('old', 'renamed'), maxAddresses: 1_000 };
    expect(await transferOne(item(inside))).toMatchObject({ outcome: 'transferred' });
  });
});

describe('an address is not handed over', () => {
  test('by anyone but its owner', async () => {
    const from = await hold('mine');
    expect(await transferOne(toClaim({ ...from, key: 'claim/thief' }, 'a'))).toEqual({ outcome: 'not_owner' });
    expect(await transferOne(toClaim({ ...from, generation: 7 }, 'a'))).toEqual({ outcome: 'not_owner' });
    await release(ledger.current.db, [from], by);
    expect(await transferOne(toClaim(from, 'a'))).toEqual({ outcome: 'not_held' });
  });

  test('to another cluster, nor between a cluster and a device', async () => {
    const from = await hold('here');
    expect(await transferOne(toClaim(from, 'a', { owner: aClaim('new', 'a', 'c2') }))).toEqual({
      outcome: 'other_cluster',
    });
    expect(await transferOne(toClaim(from, 'a', { owner: undefined, device: { id: 'vm' } }))).toEqual({
      outcome: 'other_cluster',
    });
  });

  test('while its owner is pending, or was deleted and left it reserved, or is reserved and the new one is not', async () => {
    const { db } = ledger.current;
    const pod = { ...aClaim('old', 'pod'), kind: 'Pod' };
    expect(await transferOne(toClaim(await hold('pod', { state: 'pending', owner: pod }), 'a'))).toEqual({
      outcome: 'not_held',
    });
    const reserved = await hold('reserved', { state: 'reserved' });
    expect(await transferOne(toClaim(reserved, 'a'))).toEqual({ outcome: 'other_state' });
    await keepReserved(db, [reserved], by);
    expect(await transferOne(toClaim(reserved, 'a', { state: 'reserved' }))).toEqual({ outcome: 'not_held' });
  });

  test('while a pod uses it', async () => {
    const { db } = ledger.current;
    const from = await hold('used');
    await takeConsumer(db, [{ claimKey: from.key, key: 'pod', kind: 'Pod', name: 'p', nic: 'eth0' }], by);
    expect(await transferOne(toClaim(from, 'a'))).toEqual({ outcome: 'has_consumer' });
  });

  test('to an owner that holds another one, and the rest of the group is', async () => {
    const { db } = ledger.current;
    const [first, second] = [await hold('first'), await hold('second')];
    const group = [toClaim(first, 'same'), toClaim(second, 'same'), toClaim(second, 'else')];
    expect((await transfer(db, group, 'operator')).map(({ outcome }) => outcome)).toEqual([
      'transferred',
      'key_conflict',
      'transferred',
    ]);
  });

  test('while the ledger recovers, nor in a cluster that is retired', async () => {
    const own = await freshLedger();
    try {
      for (const cluster of ['c1', 'c2']) await joinCluster(own.db, cluster);
      const request = aRequest({ key: 'claim/x', pool: 'reserved', state: 'reserved', owner: aClaim('old', 'x') });
      const item = toClaim(await takeAddress(own, request), 'x', { state: 'reserved' });
      await recover(own.db, { expected: 1, lossy: true, actor: 'test' });
      expect(await transfer(own.db, [item], 'test')).toEqual([{ outcome: 'not_open', why: 'recovering' }]);
      await retireCluster(own.db, 'c1', 'test');
      await retireCluster(own.db, 'c2', 'test');
      expect(await transfer(own.db, [item], 'test')).toEqual([{ outcome: 'not_adopted' }]);
    } finally {
      await own.close();
    }
  });
});

describe('of two changes at the same moment', () => {
  test('a transfer and a release, one finds the other, and nobody loses the address twice', async () => {
    const { db } = ledger.current;
    for (let n = 0; n < 40; n++) {
      const from = await hold(`race-${String(n)}`);
      const calls = [
        () => transferOne(toClaim(from, `race-${String(n)}`)),
        async () => (await release(db, [from], by))[0],
      ];
      if (n % 2 === 0) calls.reverse();
      const results = await Promise.all(calls.map((call) => retryTransient<{ outcome: string } | undefined>(call)));
      const outcomes = results.map((result) => result?.outcome).sort();
      expect([
        ['not_owner', 'transferred'],
        ['not_held', 'released'],
      ]).toContainEqual(outcomes);
      const state = outcomes.includes('transferred') ? 'active' : 'released';
      expect((await findByMac(db, from.mac))?.state).toBe(state);
    }
  });

  test('a transfer and the first use of the claim, one finds the other', async () => {
    const { db } = ledger.current;
    for (let n = 0; n < 40; n++) {
      const from = await hold(`use-${String(n)}`);
      const pod = { claimKey: from.key, key: `pod-${String(n)}`, kind: 'Pod', name: 'p', nic: 'eth0' };
      const calls = [
        () => transferOne(toClaim(from, `use-${String(n)}`)),
        async () => (await takeConsumer(db, [pod], { ...by, leaseSeconds: 60 }))[0],
      ];
      if (n % 2 === 0) calls.reverse();
      const results = await Promise.all(calls.map((call) => retryTransient<{ outcome: string } | undefined>(call)));
      expect([
        ['transferred', 'unknown'],
        ['has_consumer', 'taken'],
      ]).toContainEqual(results.map((result) => result?.outcome).sort());
    }
  });

  test('a transfer waits for the release that came first, and then changes nothing', async () => {
    const { db } = ledger.current;
    const from = await hold('waited');
    const late = Promise.withResolvers<unknown>();
    await db.transaction(async (first) => {
      await release(first, [from], by);
      late.resolve(transferOne(toClaim(from, 'waited')));
      await untilLockWait(ledger.current);
    });
    expect(await late.promise).toEqual({ outcome: 'not_held' });
  });

  test('two transfers of one address to different owners, one gets it', async () => {
    for (let n = 0; n < 20; n++) {
      const from = await hold(`two-${String(n)}`);
      const calls = ['a', 'b'].map((name) => transferOne(toClaim(from, `two-${name}-${String(n)}`)));
      expect((await Promise.all(calls)).map((result) => result?.outcome).sort()).toEqual(['not_owner', 'transferred']);
    }
    expect(await findingsExceptClock(ledger.current.db)).toEqual([]);
  });
});
