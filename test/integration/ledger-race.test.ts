import { escapeIdentifier } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { adopt } from '../../ledger/address/adopt.ts';
import { allocate, type AllocationRequest } from '../../ledger/address/allocate.ts';
import { createAllocator } from '../../ledger/address/allocator.ts';
import { bind, type BindItem } from '../../ledger/address/bind.ts';
import { takeConsumer } from '../../ledger/address/consumer.ts';
import { findByMac, listAddresses } from '../../ledger/address/find.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import { keepReserved } from '../../ledger/address/keep-reserved.ts';
import { ledgerTime, markMissing } from '../../ledger/address/mark-missing.ts';
import { release } from '../../ledger/address/release.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { isLedgerError, sqlState } from '../../ledger/errors.ts';
import { definePool, removePool } from '../../ledger/pool/pools.ts';
import { registerCluster, retireCluster } from '../../ledger/state/clusters.ts';
import { recover } from '../../ledger/state/recovery.ts';
import { markUnreachable } from '../../ledger/sticky/unreachable.ts';
import { mac, type MacAddress, macToNumber, numberToMac } from '../../mac/mac-address.ts';
import {
  aPodRequest,
  aRequest,
  findingsExceptClock,
  freshLedger,
  joinCluster,
  LEASE_SECONDS,
  ledgerOfThisFile,
  retryTransient,
  takeAddress,
  type TestLedger,
  untilLockWait,
} from './ledger-fixture.ts';

/* Many concurrent connections, like many processes: no allocator serialises them. */
const ledger = ledgerOfThisFile();
let db: LedgerClient;

beforeAll(async () => {
  const { pathname } = new URL(ledger.current.url);
  await ledger.current.sql(`alter database ${escapeIdentifier(pathname.slice(1))} set deadlock_timeout = '50ms'`);
  db = openLedger({
    url: ledger.current.url,
    applicationName: 'race',
    max: 8,
    statementTimeoutMs: 10_000,
    connectTimeoutMs: 5_000,
  });
  await joinCluster(db, 'c1');
});
afterAll(() => db.close());

/** Returns the bind item for a pod's pending address. */
async function pendingPod(name: string, clusterId: string, of: TestLedger = ledger.current) {
  const owner = { clusterId, kind: 'Pod', namespace: 'team', name, uid: `uid of ${name}`, nic: 'eth0' };
  const held = await takeAddress(of, aPodRequest(name, { owner: { ...owner, uid: undefined } }));
  return { owner, item: { ...held, boundKey: boundKey({ ...owner, mac: held.mac }), owner } };
}

/** Defines a pool under an unused part of the prefix. */
function pool(last: string) {
  const periods = { autoReleaseSeconds: 86_400, reuseDelaySeconds: 3_600 };
  return { name: 'new', first: mac('a4:58:0f:20:00:00'), last: mac(last), description: '', ...periods };
}

/**
 * Retries lock time-outs, which occur on a busy machine. All other errors are thrown, above all deadlocks, which
 * Postgres finds long before a lock times out (see the first hook).
 */
async function retryLockTimeout<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const lockTimedOut = isLedgerError(error) && sqlState(error.cause) === '55P03';
    if (!lockTimedOut) throw error;
    return retryLockTimeout(run);
  }
}

async function macsOf(pool: string, requests: readonly AllocationRequest[]): Promise<MacAddress[]> {
  const results = await retryLockTimeout(() => allocate(db, pool, requests, { leaseSeconds: LEASE_SECONDS }));
  return results.flatMap((result) => {
    if (result.outcome === 'in_use') return []; // the cursor was first
    if (result.outcome !== 'allocated') throw new Error(JSON.stringify(result));
    return result.mac;
  });
}

test('groups from many connections get each address once, without an error and without a hole', async () => {
  const first = 0xa4_58_0f_01_00_00;
  const groups = Array.from({ length: 120 }, (_, n) =>
    Array.from({ length: 1 + (n % 4) }, (_, m) => {
      const key = `${String(n)}/${String(m)}`;
      // Some request an address ahead of the cursor, which must skip it.
      return n % 10 === 0 && m === 0
        ? aRequest({ key, requested: numberToMac(first + 2 * n + 20) })
        : aRequest({ key });
    }),
  );
  const macs = (await Promise.all(groups.map((group) => macsOf('development', group)))).flat();
  expect(new Set(macs).size).toBe(macs.length);
  const inOrder = macs.map((mac) => macToNumber(mac) - first).sort((a, b) => a - b);
  expect(inOrder).toEqual(Array.from(inOrder, (_, index) => index));
  expect(await checkLedger(db)).toEqual([]);
});

test('the last addresses of a pool, and those in its queue, go to one requester each', async () => {
  const pool = 'experiment';
  await ledger.current.sql(`update rock_mac.pools set last = first + 39 where name = $1`, [pool]);
  for (const round of [1, 2]) {
    const requests = Array.from({ length: 60 }, (_, n) =>
      aRequest({ key: `round-${String(round)}/${String(n)}`, pool }),
    );
    const results = await Promise.all(
      requests.map((request) => retryLockTimeout(() => allocate(db, pool, [request], { leaseSeconds: LEASE_SECONDS }))),
    );
    const outcomes = Object.groupBy(results.flat(), ({ outcome }) => outcome);
    expect([outcomes.allocated?.length, outcomes.exhausted?.length]).toEqual([40, 20]);
    const held = (await listAddresses(db, { pool, states: ['active'] })).map(({ mac, generation, key }) => ({
      mac,
      generation,
      key,
    }));
    expect(held.map(({ generation }) => generation)).toEqual(Array.from({ length: 40 }, () => round));
    await Promise.all(
      held.map((item) => retryLockTimeout(() => release(db, [item], { actor: 'test', reason: 'test' }))),
    );
    await ledger.current.advance(3_601);
  }
});

test('the same key requested in two pools at once gets one address, and the other result is a conflict', async () => {
  const allocator = createAllocator({ db, leaseSeconds: LEASE_SECONDS });
  for (let n = 0; n < 30; n++) {
    const key = `both-${String(n)}`;
    const results = await Promise.all(['docker', 'vultr'].map((pool) => allocator.allocate(aRequest({ key, pool }))));
    expect(results.map(({ outcome }) => outcome).sort()).toEqual(['allocated', 'key_conflict']);
  }
  await allocator.close();
  expect(await findingsExceptClock(db)).toEqual([]);
});

test('one pod that takes two claims at once gets one of them, even before the first is committed', async () => {
  const owner = { clusterId: 'c1', kind: 'MacAllocation', namespace: 'team', name: 'claim', uid: 'u', nic: '' };
  await macsOf(
    'vultr',
    ['claim-a', 'claim-b'].map((key) => aRequest({ key, pool: 'vultr', owner })),
  );
  const consume = (on: Queryable, claimKey: string) =>
    takeConsumer(on, [{ claimKey, key: 'pod', kind: 'Pod', name: 'p', nic: 'eth0' }], {
      actor: 'test',
      leaseSeconds: 60,
    });
  const { second } = await db.transaction(async (transaction) => {
    expect(await consume(transaction, 'claim-a')).toMatchObject([{ outcome: 'taken' }]);
    const second = retryTransient(() => consume(db, 'claim-b'));
    await untilLockWait(ledger.current);
    return { second };
  });
  expect(await second).toEqual([{ outcome: 'in_use', consumerKey: undefined }]);
});

test('binding the same pods from many connections, in any order, never deadlocks', async () => {
  const pods: BindItem[] = [];
  for (let n = 0; n < 60; n++) {
    const { mac, key } = await takeAddress(ledger.current, aPodRequest(`pod-${String(n)}`));
    const owner = {
      clusterId: 'c1',
      kind: 'Pod',
      namespace: 'team',
      name: `pod-${String(n)}`,
      uid: `uid-${String(n)}`,
      nic: 'eth0',
    };
    pods.push({ mac, key, boundKey: boundKey({ ...owner, mac }), owner });
  }
  const rounds = Array.from({ length: 40 }, (_, round) => (round % 2 === 0 ? pods : pods.toReversed()));
  const results = await Promise.all(rounds.map((items) => retryLockTimeout(() => bind(db, items, 'test'))));
  expect(new Set(results.flat().map(({ outcome }) => outcome))).toEqual(new Set(['bound']));
  const text = `select count(*) as binds from rock_mac.audit_log where action = 'bind'`;
  expect(await db.query({ text, values: [], row: z.object({ binds: z.int() }) })).toEqual([{ binds: 60 }]);
});

test('a cluster that is retired during an allocation for it leaves nothing behind', async () => {
  await joinCluster(db, 'c9');
  const owner = { clusterId: 'c9', kind: 'Pod', namespace: 'team', name: 'last', nic: 'eth0' };
  const { ended } = await db.transaction(async (transaction) => {
    const results = await allocate(transaction, 'kubernetes', [aPodRequest('last', { owner })], {
      leaseSeconds: LEASE_SECONDS,
    });
    expect(results).toMatchObject([{ outcome: 'allocated' }]);
    const ended = retryTransient(() => retireCluster(db, 'c9', 'admin'));
    await untilLockWait(ledger.current);
    return { ended };
  });
  expect(await ended).toEqual({ outcome: 'retired', orphaned: 1 });
});

test('a cluster that is retired while binding restores an address leaves nothing behind', async () => {
  await joinCluster(db, 'c8');
  const { item } = await pendingPod('back', 'c8');
  await release(db, [item], { actor: 'test', reason: 'lease over' });
  const { ended } = await db.transaction(async (transaction) => {
    expect(await bind(transaction, [item], 'test')).toMatchObject([{ outcome: 'bound' }]);
    const ended = retryTransient(() => retireCluster(db, 'c8', 'admin'));
    await untilLockWait(ledger.current);
    return { ended };
  });
  expect(await ended).toEqual({ outcome: 'retired', orphaned: 1 });
});

test('a resync and the retirement of its cluster never deadlock', async () => {
  for (let round = 0; round < 12; round++) {
    const clusterId = `c-${String(round)}`;
    await registerCluster(db, { clusterId, name: clusterId }, 'test');
    const items = Array.from({ length: 100 }, (_, n) => {
      const address = numberToMac(macToNumber(mac('a4:58:0f:02:00:00')) + round * 100 + n);
      const owner = { clusterId, kind: 'Pod', namespace: 'team', name: `p${String(n)}`, uid: `u${String(n)}`, nic: '' };
      return { mac: address, key: boundKey({ ...owner, mac: address }), owner, requester: 'test' };
    });
    await adopt(db, items, 'test');
    const pass = { clusterId, startedAt: await ledgerTime(db), seen: [] };
    await Promise.all([
      ...Array.from({ length: 3 }, () => retryLockTimeout(() => markMissing(db, pass))),
      retryLockTimeout(() => retireCluster(db, clusterId, 'admin')),
    ]);
  }
});

test('a recovery sets no address aside that is bound at that moment', async () => {
  const own = await freshLedger();
  await joinCluster(own.db, 'c1');
  const { item } = await pendingPod('back', 'c1', own);
  await release(own.db, [item], { actor: 'test', reason: 'lease over' });
  await own.advance(90_000); // it may go to other owners by now
  await own.sql(`update rock_mac.pools set last = first where name = 'kubernetes'`);
  const { recovered } = await own.db.transaction(async (transaction) => {
    expect(await bind(transaction, [item], 'test')).toMatchObject([{ outcome: 'bound' }]);
    const recovered = recover(own.db, { expected: 1, lossy: true, actor: 'test' });
    await untilLockWait(own);
    return { recovered };
  });
  expect(await recovered).toBe(2);
  expect(await findByMac(own.db, item.mac)).toMatchObject({ state: 'active', key: item.boundKey });
  await own.close();
});

test.each([
  ['one pool', pool('a4:58:0f:20:00:ff'), 'unchanged'],
  ['one name with two ranges', pool('a4:58:0f:20:00:fe'), 'conflict'],
  ['two pools that overlap', { ...pool('a4:58:0f:20:00:fe'), name: 'other' }, 'overlaps'],
] as const)(
  'of two that define %s at once, the second sees the result of the first',
  async (_, definition, outcome) => {
    const { second } = await db.transaction(async (transaction) => {
      expect(await definePool(transaction, pool('a4:58:0f:20:00:ff'), 'test')).toBe('defined');
      const second = definePool(db, definition, 'test');
      await untilLockWait(ledger.current);
      return { second };
    });
    expect(await second).toBe(outcome);
    expect(await removePool(db, 'new', 'test')).toBe('removed');
  },
);

test('of many that define the same pool at once, none gets an overlap', async () => {
  const heard = new Set<string>();
  for (let round = 0; round < 100; round++) {
    const define = () => retryTransient(() => definePool(db, pool('a4:58:0f:20:00:ff'), 'test'));
    for (const outcome of await Promise.all(Array.from({ length: 8 }, define))) heard.add(outcome);
    await removePool(db, 'new', 'test');
  }
  expect(heard).toEqual(new Set(['defined', 'unchanged']));
});

test('a claim that a pod takes during its deletion is neither released nor kept for the next claim', async () => {
  const owner = { clusterId: 'c1', kind: 'MacAllocation', namespace: 'team', name: 'host', uid: 'u-host', nic: '' };
  const by = { actor: 'operator', reason: 'claim deleted' };
  const claim = await takeAddress(
    ledger.current,
    aRequest({ key: 'claim/host', pool: 'reserved', state: 'reserved', owner }),
  );
  const taking = { claimKey: 'claim/host', key: 'pod of it', kind: 'Pod', name: 'web', nic: 'eth0' };
  const { kept, released } = await db.transaction(async (transaction) => {
    const taken = await takeConsumer(transaction, [taking], { leaseSeconds: LEASE_SECONDS, actor: 'webhook' });
    expect(taken).toMatchObject([{ outcome: 'taken' }]);
    const kept = retryLockTimeout(() => keepReserved(db, [claim], by));
    const released = retryLockTimeout(() => release(db, [claim], { ...by, force: true }));
    await untilLockWait(ledger.current);
    return { kept, released };
  });
  expect([await kept, await released]).toEqual([[{ outcome: 'has_consumer' }], [{ outcome: 'has_consumer' }]]);
});

test('a ledger without its state row hands out nothing', async () => {
  const own = await freshLedger();
  await own.sql('delete from rock_mac.ledger_state');
  await expect(takeAddress(own, aRequest({ key: 'any' }))).rejects.toMatchObject({ code: 'LEDGER_FAILED' });
  await own.close();
});

test('an acknowledged change is on disk, whatever the settings of the session are', async () => {
  const setting = z.object({ synchronous_commit: z.string() });
  const held = await takeAddress(ledger.current, aRequest({ key: 'durable' }));
  const writes: ((transaction: Parameters<typeof release>[0]) => Promise<unknown>)[] = [
    (transaction) =>
      allocate(transaction, 'development', [aRequest({ key: 'durable-2' })], { leaseSeconds: LEASE_SECONDS }),
    (transaction) => release(transaction, [held], { actor: 'test', reason: 'test' }),
    (transaction) => registerCluster(transaction, { clusterId: 'c2', name: 'two' }, 'test'),
    (transaction) => markUnreachable(transaction, { clusterId: 'c2', node: 'node-1' }, [held], 'test'),
  ];
  for (const write of writes) {
    const rows = await db.transaction(async (transaction) => {
      await transaction.query({ text: 'set local synchronous_commit = off', values: [], row: z.object({}) });
      await write(transaction);
      return transaction.query({ text: 'show synchronous_commit', values: [], row: setting });
    });
    expect(rows).toEqual([{ synchronous_commit: 'on' }]);
  }
});
