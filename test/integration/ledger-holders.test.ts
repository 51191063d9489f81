import { beforeAll, describe, expect, test } from 'vitest';
import { adopt, type AdoptItem } from '../../ledger/address/adopt.ts';
import { bind } from '../../ledger/address/bind.ts';
import { dropConsumer, expiredConsumers, takeConsumer } from '../../ledger/address/consumer.ts';
import { releaseExpiredDevices } from '../../ledger/address/expired-devices.ts';
import { expiredLeases } from '../../ledger/address/expired-leases.ts';
import { findByDevice, findByMac, findByOwnerUids, listAddresses } from '../../ledger/address/find.ts';
import { boundKey, claimKey } from '../../ledger/address/holder-key.ts';
import { ledgerTime, markMissing, missingAddresses } from '../../ledger/address/mark-missing.ts';
import { release } from '../../ledger/address/release.ts';
import { releaseExpired } from '../../ledger/address/release-expired.ts';
import { requestRelease } from '../../ledger/address/release-request.ts';
import { renew } from '../../ledger/address/renew.ts';
import { listAudit } from '../../ledger/audit.ts';
import { listClusters, markAdopted, registerCluster, retireCluster } from '../../ledger/state/clusters.ts';
import { ledgerHeadOf } from '../../ledger/state/ledger-head.ts';
import {
  approveRecovery,
  markReported,
  recover,
  recoverIfBehind,
  recoverIfNeeded,
  recoverWithout,
} from '../../ledger/state/recovery.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { mac, type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import {
  aPodRequest,
  aRequest,
  freshLedger,
  joinCluster,
  ledgerOfThisFile,
  requestAddress,
  takeAddress,
} from './ledger-fixture.ts';

const ledger = ledgerOfThisFile();
const by = { actor: 'test', reason: 'test' };

beforeAll(async () => {
  await joinCluster(ledger.current.db, 'c1');
});

function pod(name: string, uid = `uid-${name}`) {
  return { clusterId: 'c1', kind: 'Pod', namespace: 'team', name, uid, nic: 'eth0' };
}

/** Returns the operator's bind item for a stored pod. */
function bindItemOf(name: string, address: MacAddress, uid = `uid-${name}`) {
  const owner = pod(name, uid);
  return { mac: address, key: `named/${name}`, boundKey: boundKey({ ...owner, mac: address }), owner };
}

/** Returns the adopt item for a live pod whose address the ledger may not know. */
function adoptItemOf(name: string, address: MacAddress, changes: Partial<AdoptItem> = {}): AdoptItem {
  const owner = pod(name);
  return { mac: address, key: boundKey({ ...owner, mac: address }), owner, requester: 'ada', ...changes };
}

describe('binding', () => {
  test('gives a pending address to the uid of its object, once, with one audit row', async () => {
    const { db } = ledger.current;
    const held = await takeAddress(ledger.current, aPodRequest('web'));
    for (let time = 0; time < 2; time++) {
      expect(await bind(db, [bindItemOf('web', held.mac)], 'operator')).toEqual([{ outcome: 'bound', generation: 1 }]);
    }
    expect(await findByOwnerUids(db, 'c1', ['uid-web'])).toMatchObject([
      { mac: held.mac, state: 'active', owner: pod('web') },
    ]);
    expect((await findByMac(db, held.mac))?.expiresAt).toBeUndefined();
    expect((await listAudit(db, { mac: held.mac })).map(({ action }) => action)).toEqual(['bind', 'allocate']);
  });

  test('frees the name: a pod of the same name gets another address while the old one is still held', async () => {
    const { db } = ledger.current;
    const first = await takeAddress(ledger.current, aPodRequest('again'));
    await bind(db, [bindItemOf('again', first.mac)], 'operator');
    const second = await takeAddress(ledger.current, aPodRequest('again'));
    expect(second.mac).not.toBe(first.mac);
    expect(await bind(db, [bindItemOf('again', second.mac, 'uid-2')], 'operator')).toMatchObject([
      { outcome: 'bound' },
    ]);
  });

  test('works for two addresses on one NIC, and a bad item fails alone', async () => {
    const { db } = ledger.current;
    const one = await takeAddress(ledger.current, aPodRequest('double', { key: 'named/double' }));
    const two = await takeAddress(ledger.current, aPodRequest('double', { key: 'named/double/2' }));
    const items = [
      bindItemOf('double', one.mac),
      { ...bindItemOf('double', two.mac), key: 'named/double/2' },
      bindItemOf('double', mac('a4:58:0f:05:ff:ff')),
      { ...bindItemOf('double', one.mac), key: 'bad\0' },
      { ...bindItemOf('double', one.mac), boundKey: 'other' },
    ];
    const outcomes = await bind(db, items, 'operator');
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['bound', 'bound', 'unknown', 'invalid', 'conflict']);
  });

  test('restores an address whose lease expired, unless it has a new owner', async () => {
    const { db } = ledger.current;
    const late = await takeAddress(ledger.current, aPodRequest('late'));
    await release(db, [late], by);
    expect(await bind(db, [bindItemOf('late', late.mac)], 'operator')).toEqual([{ outcome: 'bound', generation: 1 }]);

    const lost = await takeAddress(ledger.current, aPodRequest('lost'));
    await release(db, [lost], by);
    await ledger.current.advance(3_601);
    await takeAddress(ledger.current, aPodRequest('thief', { requested: lost.mac }));
    expect(await bind(db, [bindItemOf('lost', lost.mac)], 'operator')).toEqual([
      { outcome: 'conflict', generation: 2 },
    ]);
  });
});

describe('a machine that was made again under its name', () => {
  const machine = (uid: string, change: object = {}) => ({
    ...pod('vm', uid),
    kind: 'VirtualMachine',
    nic: 'blue',
    ...change,
  });
  const keyOf = (owner: ReturnType<typeof machine>, address: MacAddress) => boundKey({ ...owner, mac: address });

  /** Returns an address that a machine holds, and the item that moves it to another owner. */
  async function heldByMachine(name: string) {
    const { db } = ledger.current;
    const first = machine(`${name}-1`, { name });
    const { mac: address, key } = await takeAddress(
      ledger.current,
      aPodRequest(name, { owner: { ...first, uid: undefined } }),
    );
    await bind(db, [{ mac: address, key, boundKey: keyOf(first, address), owner: first }], 'operator');
    const moveTo = (owner: ReturnType<typeof machine>, from = first) =>
      bind(db, [{ mac: address, key: keyOf(from, address), boundKey: keyOf(owner, address), owner }], 'operator');
    return { db, first, address, moveTo };
  }

  test('takes over an address that stays held, with one audit row', async () => {
    const { db, address, moveTo } = await heldByMachine('vm');
    const second = machine('vm-2');
    for (let time = 0; time < 2; time++) expect(await moveTo(second)).toEqual([{ outcome: 'bound', generation: 1 }]);
    expect(await findByMac(db, address)).toMatchObject({ state: 'active', owner: second });
    const audit = await listAudit(db, { mac: address });
    expect(audit.map(({ action }) => action)).toEqual(['change', 'bind', 'allocate']);
  });

  test.each([
    ['another machine', { name: 'other' }],
    ['a machine of that name in another namespace', { namespace: 'x' }],
    ['an instance of that name', { kind: 'VirtualMachineInstance' }],
  ])('is not %s', async (what, change) => {
    const { db, address, moveTo, first } = await heldByMachine(what.replaceAll(' ', '-'));
    expect(await moveTo(machine('vm-3', { name: first.name, ...change }))).toMatchObject([{ outcome: 'conflict' }]);
    expect(await findByMac(db, address)).toMatchObject({ owner: first });
  });

  test('gets nothing by the key of a former holder, and a pod of its name gets nothing at all', async () => {
    const { moveTo, first } = await heldByMachine('third');
    const second = machine('third-2', { name: 'third' });
    await moveTo(second);
    expect(await moveTo(machine('third-3', { name: 'third' }), first)).toMatchObject([{ outcome: 'conflict' }]);
    const { db } = ledger.current;
    const held = await takeAddress(ledger.current, aPodRequest('twin'));
    await bind(db, [bindItemOf('twin', held.mac)], 'operator');
    const again = { ...bindItemOf('twin', held.mac, 'uid-2'), key: bindItemOf('twin', held.mac).boundKey };
    expect(await bind(db, [again], 'operator')).toMatchObject([{ outcome: 'conflict' }]);
  });
});

describe('releasing', () => {
  test('compares address, generation and key', async () => {
    const { db } = ledger.current;
    const held = await takeAddress(ledger.current, aRequest({ key: 'cas' }));
    const others = [
      { ...held, generation: 2 },
      { ...held, key: 'other' },
      { ...held, mac: mac('a4:58:0f:01:ff:ff') },
    ];
    const outcomes = await release(db, others, by);
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(['not_owner', 'not_owner', 'unknown']);
    expect((await findByMac(db, held.mac))?.state).toBe('active');
    expect(await release(db, [held], by)).toEqual([{ outcome: 'released' }]);
    expect(await release(db, [held], by)).toEqual([{ outcome: 'already_released' }]);
  });

  test('a reserved address needs force', async () => {
    const { db } = ledger.current;
    const held = await takeAddress(ledger.current, aRequest({ key: 'safe', pool: 'reserved', state: 'reserved' }));
    expect(await release(db, [held], by)).toEqual([{ outcome: 'needs_force' }]);
    expect(await release(db, [held], { ...by, force: true })).toEqual([{ outcome: 'released' }]);
  });
});

describe('an expired lease', () => {
  test("releases its address only if it is still expired after the operator's check", async () => {
    const { db } = ledger.current;
    const gone = await takeAddress(ledger.current, aPodRequest('gone'));
    const slow = await takeAddress(ledger.current, aPodRequest('slow'));
    await ledger.current.advance(121);
    const expired = await expiredLeases(db, 'c1', 100);
    expect(expired.map((row) => row.mac)).toEqual(expect.arrayContaining([gone.mac, slow.mac]));
    await takeAddress(ledger.current, aPodRequest('slow'));
    expect(await releaseExpired(db, [gone, slow], by)).toEqual([{ outcome: 'released' }, { outcome: 'renewed' }]);
  });
});

describe('a device', () => {
  test('expires after its time unless it is renewed', async () => {
    const { db } = ledger.current;
    const short = await takeAddress(
      ledger.current,
      aRequest({ key: 'vm-short', ttlSeconds: 100, device: { id: 'vm-short' } }),
    );
    const long = await takeAddress(ledger.current, aRequest({ key: 'vm-long', ttlSeconds: 100 }));
    expect(await renew(db, [{ ...long, ttlSeconds: 100_000 }])).toMatchObject([{ outcome: 'renewed' }]);
    expect(await findByDevice(db, 'vm-short')).toMatchObject([{ mac: short.mac }]);
    await ledger.current.advance(101);
    expect(
      await releaseExpiredDevices(db, { pool: 'development', graceSeconds: 0, limit: 10, actor: 'cleanup' }),
    ).toContain(short.mac);
    expect((await findByMac(db, long.mac))?.state).toBe('active');
    expect(await renew(db, [short])).toEqual([{ outcome: 'not_owner' }]);
  });
});

describe('a claim', () => {
  test('is released with the name of its last requester', async () => {
    const { db } = ledger.current;
    const claim = { clusterId: 'c1', uid: 'asked-for' };
    const owner = { ...claim, kind: 'MacAllocation', namespace: 'fleet', name: 'prod-01', nic: '' };
    const held = await takeAddress(ledger.current, aRequest({ key: claimKey(claim), owner }));
    for (const username of ['ada', 'grace']) await requestRelease(db, { key: claimKey(claim), username });
    await release(db, [held], { actor: 'test', reason: 'claim deleted' });
    const [last] = await listAudit(db, { limit: 1 });
    expect(last).toMatchObject({ action: 'release', reason: 'claim deleted, requested by grace' });
  });

  test('has one consumer: of two concurrent ones one is refused, and the next gets it after the first is gone', async () => {
    const { db } = ledger.current;
    const owner = { ...pod('claim'), kind: 'MacAllocation', nic: '' };
    const key = claimKey({ clusterId: 'c1', uid: owner.uid });
    const claim = await takeAddress(ledger.current, aRequest({ key, owner }));
    const consumer = (name: string, expected?: string) => ({
      claimKey: key,
      expected,
      key: name,
      kind: 'Pod',
      name,
      nic: 'eth0',
    });
    const lease = { leaseSeconds: 120, actor: 'webhook' };

    const both = await takeConsumer(db, [consumer('a')], lease);
    expect(both).toMatchObject([{ outcome: 'taken', mac: claim.mac }]);
    expect(await takeConsumer(db, [consumer('b')], lease)).toEqual([{ outcome: 'in_use', consumerKey: 'a' }]);
    expect(await takeConsumer(db, [consumer('a')], lease)).toMatchObject([{ outcome: 'taken' }]);

    await ledger.current.advance(121);
    expect(await expiredConsumers(db, 'c1', 10)).toMatchObject([{ mac: claim.mac, consumer: { key: 'a' } }]);
    const bound = { ...consumer('bound-a', 'a'), uid: 'uid-a' };
    expect(await takeConsumer(db, [bound], { actor: 'operator' })).toEqual([
      { outcome: 'taken', mac: claim.mac, expiresAt: undefined },
    ]);
    expect(await release(db, [claim], by)).toEqual([{ outcome: 'has_consumer' }]);
    expect(await dropConsumer(db, [{ mac: claim.mac, consumerKey: 'a' }], by)).toEqual([{ outcome: 'not_consumer' }]);
    expect(await dropConsumer(db, [{ mac: claim.mac, consumerKey: 'bound-a' }], by)).toEqual([{ outcome: 'dropped' }]);
    expect(await takeConsumer(db, [consumer('b')], lease)).toMatchObject([{ outcome: 'taken' }]);

    await ledger.current.advance(121);
    expect(await expiredConsumers(db, 'c1', 10)).toMatchObject([{ consumer: { key: 'b' } }]);
    await takeConsumer(db, [consumer('b')], lease);
    expect(await dropConsumer(db, [{ mac: claim.mac, consumerKey: 'b' }], by)).toEqual([{ outcome: 'not_consumer' }]);
    expect(await takeConsumer(db, [consumer('c')], lease)).toEqual([{ outcome: 'in_use', consumerKey: 'b' }]);
  });
});

describe('adopting', () => {
  test('takes free addresses, recognises its own, and leaves those of others', async () => {
    const { db } = ledger.current;
    const free = mac('a4:58:0f:02:00:07');
    const released = await takeAddress(ledger.current, aRequest({ key: 'was', pool: 'docker' }));
    await release(db, [released], by);
    const held = await takeAddress(ledger.current, aRequest({ key: 'is', pool: 'docker' }));
    const items = [
      adoptItemOf('a', free),
      adoptItemOf('b', released.mac),
      adoptItemOf('c', held.mac),
      adoptItemOf('d', mac('a4:58:0f:77:00:00')),
      adoptItemOf('e', mac('a4:58:0f:02:00:08'), { owner: { ...pod('e'), clusterId: 'nobody' } }),
      adoptItemOf('f', mac('a4:58:0f:02:00:09'), { metadata: { text: '\ud800' } }),
    ];
    const outcomes = await adopt(db, items, 'operator');
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([
      'adopted',
      'adopted',
      'conflict',
      'in_no_pool',
      'not_registered',
      'invalid',
    ]);
    expect(await adopt(db, [adoptItemOf('a', free)], 'operator')).toEqual([{ outcome: 'held', generation: 1 }]);
    const next = await takeAddress(ledger.current, aRequest({ key: 'cursor', pool: 'experiment' }));
    expect(next.mac).toBe('a4:58:0f:02:00:00');
  });
});

describe('a resync over all objects', () => {
  test('marks unseen addresses, and releases nothing', async () => {
    const { db, advance, sql } = ledger.current;
    await adopt(
      db,
      [adoptItemOf('here', mac('a4:58:0f:03:00:01')), adoptItemOf('away', mac('a4:58:0f:03:00:02'))],
      'operator',
    );
    const everything = (await listAddresses(db, { clusterId: 'c1', limit: 1_000 })).map((row) => row.mac);
    await advance(60);
    const startedAt = await ledgerTime(db);
    await adopt(db, [adoptItemOf('newer', mac('a4:58:0f:03:00:03'))], 'operator');
    const pass = {
      clusterId: 'c1',
      startedAt,
      seen: everything.filter((address) => address !== mac('a4:58:0f:03:00:02')),
    };
    const locksOfSeen = () =>
      sql(`select addr, xmax::text from rock_mac.addresses where addr = any ($1::bigint[]) order by addr`, [
        pass.seen.map(macToNumber),
      ]);
    const before = await locksOfSeen();
    expect(await markMissing(db, pass)).toEqual({ marked: 1, cleared: 0 });
    expect(await locksOfSeen()).toEqual(before); // no row is written or locked
    expect(await missingAddresses(db, 'c1', 10)).toEqual([]);
    await advance(31 * 86_400);
    expect(await missingAddresses(db, 'c1', 10)).toMatchObject([{ mac: 'a4:58:0f:03:00:02', state: 'active' }]);
    expect(await markMissing(db, { ...pass, seen: everything })).toEqual({ marked: 0, cleared: 1 });
  });
});

describe('retiring a cluster', () => {
  test('orphans its addresses, which only force can release', async () => {
    const { db } = ledger.current;
    await registerCluster(db, { clusterId: 'c9', name: 'nine' }, 'test');
    const owner = { ...pod('left'), clusterId: 'c9' };
    await adopt(db, [adoptItemOf('left', mac('a4:58:0f:04:00:aa'), { owner, key: 'left' })], 'operator');
    expect(await retireCluster(db, 'c9', 'admin')).toEqual({ outcome: 'retired', orphaned: 1 });
    expect(await retireCluster(db, 'c9', 'admin')).toEqual({ outcome: 'unchanged', orphaned: 0 });
    expect(await registerCluster(db, { clusterId: 'c9', name: 'nine' }, 'test')).toBe('retired');
    const item = { mac: mac('a4:58:0f:04:00:aa'), generation: 1, key: 'left' };
    expect(await release(db, [item], by)).toEqual([{ outcome: 'needs_force' }]);
    expect(await release(db, [item], { ...by, force: true })).toEqual([{ outcome: 'released' }]);
    expect((await listClusters(db)).find(({ clusterId }) => clusterId === 'c9')?.retiredAt).toBeInstanceOf(Date);
  });

  test('frees a claim from its consumer, which even force cannot do before', async () => {
    const { db } = ledger.current;
    await joinCluster(db, 'c7');
    const owner = { ...pod('used'), clusterId: 'c7', kind: 'MacAllocation', nic: '' };
    const claim = await takeAddress(
      ledger.current,
      aRequest({ key: 'used', pool: 'reserved', state: 'reserved', owner }),
    );
    const consumer = { claimKey: 'used', key: 'its pod', kind: 'Pod', name: 'its pod', nic: 'eth0' };
    await takeConsumer(db, [consumer], { actor: 'operator' });
    const force = { ...by, force: true };
    expect(await release(db, [claim], force)).toEqual([{ outcome: 'has_consumer' }]);
    await retireCluster(db, 'c7', 'admin');
    expect(await release(db, [claim], by)).toEqual([{ outcome: 'needs_force' }]);
    expect(await release(db, [claim], force)).toEqual([{ outcome: 'released' }]);
  });

  test('is final: an operator that still runs binds nothing any more', async () => {
    const { db } = ledger.current;
    await joinCluster(db, 'c8');
    const owner = { ...pod('late'), clusterId: 'c8' };
    const held = await takeAddress(ledger.current, aPodRequest('late', { owner: { ...owner, uid: undefined } }));
    await retireCluster(db, 'c8', 'admin');
    const item = { ...bindItemOf('late', held.mac), owner };
    expect(await bind(db, [item], 'operator')).toEqual([{ outcome: 'conflict', generation: 1 }]);
    expect((await findByMac(db, held.mac))?.state).toBe('orphaned');
  });
});

describe('after a failover', () => {
  /** Simulates a promoted standby: the timeline differs from the stored one. */
  const failOver = `update rock_mac.ledger_state set timeline = 'before'`;

  test('nothing is handed out until every cluster has reported its addresses in use, and then nothing twice', async () => {
    const own = await freshLedger();
    const { db, sql } = own;
    for (const clusterId of ['c1', 'c2']) {
      await joinCluster(db, clusterId);
    }
    await sql(`update rock_mac.ledger_state set replication_gap = 3`);
    await takeAddress(own, aPodRequest('known'));
    await sql(failOver);
    expect(await requestAddress(own, aPodRequest('early'))).toEqual({ outcome: 'not_open', why: 'timeline_changed' });

    expect((await recoverIfNeeded(db, 'operator')).closed).toMatchObject({
      why: 'recovering',
      message: expect.stringContaining('c1, c2') as string,
    });
    expect(await recover(db, { expected: 1, actor: 'late operator' })).toBe(2);
    expect(await requestAddress(own, aPodRequest('early'))).toEqual({ outcome: 'not_open', why: 'recovering' });
    const lost = mac('a4:58:0f:05:00:01');
    expect(await adopt(db, [adoptItemOf('lost', lost)], 'operator')).toMatchObject([{ outcome: 'adopted' }]);
    expect(await markReported(db, { clusterId: 'c1', epoch: 1 }, 'operator')).toBe('wrong_epoch');
    expect(await markReported(db, { clusterId: 'c1', epoch: 2 }, 'operator')).toBe('recovering');
    expect(await recoverWithout(db, 'c2', 'admin')).toBe('open');
    expect(await takeAddress(own, aPodRequest('early'))).toMatchObject({ mac: 'a4:58:0f:05:00:04' });
    await own.close();
  });

  test('no device expires before the recovery has covered lost renewals', async () => {
    const own = await freshLedger();
    const device = await takeAddress(own, aRequest({ key: 'vm', ttlSeconds: 100 }));
    await own.advance(101); // the renewal never reached the standby
    await own.sql(failOver);
    const cleanUp = () =>
      releaseExpiredDevices(own.db, { pool: 'development', graceSeconds: 0, limit: 10, actor: 'cleanup' });
    expect(await cleanUp()).toEqual([]);
    expect(await recoverIfNeeded(own.db, 'cli')).toMatchObject({ mode: 'open' });
    expect(await cleanUp()).toEqual([]);
    await own.advance(8 * 86_400);
    expect(await cleanUp()).toEqual([device.mac]);
    await own.close();
  });

  test('devices are renewed in steps, the ledger is closed meanwhile, and another caller goes on if one dies', async () => {
    const own = await freshLedger();
    await own.sql(`update rock_mac.ledger_state set replication_gap = 0`);
    await joinCluster(own.db, 'c1');
    await own.sql(`insert into rock_mac.addresses (addr, pool_id, state, origin, holder_key, device_id, allocated_at, changed_at, expires_at, requester, actor)
      select first + n, pool_id, 'active', 'import', 'import/' || n, 'd' || n, now(), now(), now() + '1 s', 'test', 'test'
      from rock_mac.pools, generate_series(0, 9999) n where name = 'development'`);
    await own.sql(`update rock_mac.pools set next_addr = first + 10000 where name = 'development'`);
    const pod = await takeAddress(own, aPodRequest('web'));
    await own.sql(`update rock_mac.addresses set missing_since = now() where addr = ${String(macToNumber(pod.mac))}`);
    const count = async (condition: string) =>
      (await own.sql(`select count(*)::int as n from rock_mac.addresses where ${condition}`))[0]?.['n'];
    const due = `expires_at < now() + '1 day' and cluster_id is null`;
    await own.sql(failOver);
    await own.sql(`select rock_mac.recover(1, false, false, 0, 'operator')`);
    await own.sql(`select rock_mac.renew_in_recovery()`); // and then the operator is killed
    expect(await count(due)).toBe(10_000 - 4_096);
    expect(await markReported(own.db, { clusterId: 'c1', epoch: 2 }, 'operator')).toBe('recovering');
    expect(await requestAddress(own, aPodRequest('early'))).toEqual({ outcome: 'not_open', why: 'recovering' });
    expect((await recoverIfNeeded(own.db, 'operator')).closed).toBeUndefined();
    expect(await count(due)).toBe(0);
    expect((await findByMac(own.db, pod.mac))?.missingSince).toBeUndefined();
    await own.close();
  });

  test('the replication gap is found behind any number of used addresses', async () => {
    const own = await freshLedger();
    await own.sql(`update rock_mac.ledger_state set replication_gap = 3`);
    await own.sql(`insert into rock_mac.addresses (addr, pool_id, state, origin, holder_key, allocated_at, changed_at, requester, actor)
      select first + n, pool_id, 'reserved', 'import', 'import/' || n, now(), now(), 'test', 'test'
      from rock_mac.pools, generate_series(0, 20000) n where name = 'development'`);
    await own.sql(failOver); // lost: the cursor's walk to the end of the run, and three allocations after it
    await recoverIfNeeded(own.db, 'cli');
    expect(await takeAddress(own, aRequest({ key: 'next' }))).toMatchObject({ mac: 'a4:58:0f:01:4e:24' });
    await own.close();
  });

  test('a cluster that finished its initial sync before must repeat it', async () => {
    const own = await freshLedger();
    await registerCluster(own.db, { clusterId: 'c1', name: 'one' }, 'test');
    await own.sql(failOver); // while the cluster lists its objects: its records may be lost
    await recoverIfNeeded(own.db, 'another operator');
    expect(await markAdopted(own.db, { clusterId: 'c1', epoch: 1 }, 'operator')).toBe('wrong_epoch');
    expect(await requestAddress(own, aPodRequest('early'))).toEqual({ outcome: 'not_adopted' });
    expect(await markAdopted(own.db, { clusterId: 'c1', epoch: 2 }, 'operator')).toBe('adopted');
    await own.close();
  });

  test('retiring the last missing cluster opens the ledger', async () => {
    const own = await freshLedger();
    await joinCluster(own.db, 'c1');
    await own.sql(failOver);
    expect(await recoverIfNeeded(own.db, 'another operator')).toMatchObject({ mode: 'recovering' });
    await retireCluster(own.db, 'c1', 'admin');
    expect((await ledgerState(own.db)).closed).toBeUndefined();
    await own.close();
  });

  test('a ledger without clusters opens itself, and one under quorum loses nothing', async () => {
    const own = await freshLedger();
    await takeAddress(own, aRequest({ key: 'one' }));
    await own.sql(failOver);
    expect((await recoverIfNeeded(own.db, 'cli')).closed).toBeUndefined();
    expect(await takeAddress(own, aRequest({ key: 'two' }))).toMatchObject({ mac: 'a4:58:0f:01:04:01' });

    await joinCluster(own.db, 'c1', 2);
    await own.sql(`update rock_mac.ledger_state set durability = 'quorum', timeline = 'before'`);
    expect(await recover(own.db, { expected: 2, actor: 'cli' })).toBe(3);
    expect((await ledgerState(own.db)).closed).toMatchObject({ why: 'not_durable' });
    await own.sql(`update rock_mac.ledger_state set durability = 'single'`);
    expect(await ledgerState(own.db)).toMatchObject({ mode: 'open', missingClusters: [] });
    expect(await takeAddress(own, aRequest({ key: 'three' }))).toMatchObject({ mac: 'a4:58:0f:01:04:02' });
    await own.close();
  });

  test('two operators with different heads agree in the end, and an admin decides', async () => {
    const own = await freshLedger();
    const { db } = own;
    await own.sql(`update rock_mac.ledger_state set replication_gap = 10`);
    for (const key of ['one', 'two']) await takeAddress(own, aRequest({ key }));
    const now = ledgerHeadOf(await ledgerState(db));
    const remembers = (more: number) => ({ ...now, auditHead: now.auditHead + more });
    await own.sql(failOver);
    expect(await recoverIfBehind(db, remembers(5), 'one')).toMatchObject({ epoch: 2, mode: 'open' });
    expect(await recoverIfBehind(db, remembers(10), 'two')).toMatchObject({ epoch: 2, mode: 'open' });
    const closed = await recoverIfBehind(db, remembers(11), 'three');
    expect(closed).toMatchObject({ epoch: 3, needsApproval: true, closed: { why: 'recovering' } });
    for (const more of [11, 500]) {
      expect(await recoverIfBehind(db, remembers(more), 'four')).toMatchObject({ epoch: 3 });
    }
    expect(await approveRecovery(db)).toBe('open');
    expect(await recoverIfBehind(db, remembers(500), 'five')).toMatchObject({ epoch: 3, mode: 'open' });
    const other = { ...remembers(500), ledgerId: '00000000-0000-4000-8000-000000000000', epoch: 9 };
    expect(await recoverIfBehind(db, other, 'of another ledger')).toMatchObject({ epoch: 3, mode: 'open' });
    await own.close();
  });

  test('a restored backup opens only after an admin approves', async () => {
    const own = await freshLedger();
    await recover(own.db, { expected: 1, lossy: true, needsApproval: true, actor: 'restore' });
    expect((await ledgerState(own.db)).closed?.message).toContain('waits for an admin');
    expect(await approveRecovery(own.db)).toBe('open');
    await own.close();
  });
});
