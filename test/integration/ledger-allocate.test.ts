import { beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_POOLS } from '../../api/default-pools.ts';
import { allocate, type AllocationRequest } from '../../ledger/address/allocate.ts';
import { releaseExpiredDevices } from '../../ledger/address/expired-devices.ts';
import { findByHolderKey, findByMac, listAddresses } from '../../ledger/address/find.ts';
import { keepReserved } from '../../ledger/address/keep-reserved.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import { release } from '../../ledger/address/release.ts';
import { listAudit } from '../../ledger/audit.ts';
import { observe } from '../../ledger/observation/observe.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { definePool, growPool, listPools, pausePool, removePool } from '../../ledger/pool/pools.ts';
import { registerCluster, retireCluster } from '../../ledger/state/clusters.ts';
import { mac, macToNumber, numberToMac } from '../../mac/mac-address.ts';
import {
  aPodRequest,
  aRequest,
  joinCluster,
  LEASE_SECONDS,
  ledgerOfThisFile,
  requestAddress,
  takeAddress,
} from './ledger-fixture.ts';

const ledger = ledgerOfThisFile();
const by = { actor: 'test', reason: 'test' };
/** Later than everything in the ledger, whose clock the tests move. */
const LATER = new Date('2100-01-01');

beforeAll(async () => {
  await joinCluster(ledger.current.db, 'c1');
});

/** Defines a pool of `size` addresses under a4:58:0f:<octet> for one test. */
async function aPool(name: string, octet: string, size: number) {
  const first = mac(`a4:58:0f:${octet}:00:00`);
  const last = numberToMac(macToNumber(first) + size - 1);
  const pool = { name, first, last, description: '', autoReleaseSeconds: null, reuseDelaySeconds: 3_600 };
  expect(await definePool(ledger.current.db, pool, 'test')).toBe('defined');
  return { ...pool, at: (index: number) => numberToMac(macToNumber(first) + index) };
}

describe('a new ledger', () => {
  test('has the seven default pools', async () => {
    const { db } = ledger.current;
    expect((await listPools(db)).slice(0, 7)).toEqual(
      DEFAULT_POOLS.map((pool) => ({ ...pool, paused: false, used: false })),
    );
  });
});

describe('an address in the database', () => {
  test('is the same number and the same text as in the program', async () => {
    const numbers = [0, 1, 2 ** 24, 0xa4_58_0f_ff_ff_ff, 0xff_fe_00_00_00, 2 ** 48 - 1];
    const texts = numbers.map(numberToMac);
    const asked =
      'select rock_mac.to_mac(n)::text as mac, rock_mac.to_addr(rock_mac.to_mac(n)) as addr from unnest($1::bigint[]) n';
    const results = await ledger.current.sql(asked, [numbers]);
    expect(results).toEqual(numbers.map((addr, index) => ({ mac: texts[index], addr })));
  });
});

describe('the next address', () => {
  test('follows the last one, for each request of a group in their order', async () => {
    const pool = await aPool('sequence', '10', 16);
    const group = ['a', 'b', 'c'].map((key) => aRequest({ key, pool: pool.name }));
    const results = await allocate(ledger.current.db, pool.name, group, { leaseSeconds: LEASE_SECONDS });
    expect(results.map((result) => result.outcome === 'allocated' && result.mac)).toEqual([0, 1, 2].map(pool.at));
    expect(await takeAddress(ledger.current, aRequest({ key: 'd', pool: pool.name }))).toMatchObject({
      mac: pool.at(3),
    });
  });

  test('skips addresses that were requested by name, and leaves no hole', async () => {
    const pool = await aPool('steps', '11', 8);
    await takeAddress(ledger.current, aRequest({ key: 'named-1', pool: pool.name, requested: pool.at(1) }));
    await takeAddress(ledger.current, aRequest({ key: 'named-3', pool: pool.name, requested: pool.at(3) }));
    const group = ['s0', 's2', 's4'].map((key) => aRequest({ key, pool: pool.name }));
    const results = await allocate(ledger.current.db, pool.name, group, { leaseSeconds: LEASE_SECONDS });
    expect(results.map((result) => result.outcome === 'allocated' && result.mac)).toEqual([0, 2, 4].map(pool.at));
  });

  test('never leaves the pool: a full pool is exhausted and reports when the next address becomes free', async () => {
    const pool = await aPool('small', '12', 2);
    const first = await takeAddress(ledger.current, aRequest({ key: 'small-1', pool: pool.name }));
    await takeAddress(ledger.current, aRequest({ key: 'small-2', pool: pool.name }));
    expect(await requestAddress(ledger.current, aRequest({ key: 'small-3', pool: pool.name }))).toEqual({
      outcome: 'exhausted',
    });

    await release(ledger.current.db, [first], by);
    const { reusableAt } = (await findByMac(ledger.current.db, first.mac)) ?? {};
    expect(await requestAddress(ledger.current, aRequest({ key: 'small-3', pool: pool.name }))).toEqual({
      outcome: 'exhausted',
      nextReuseAt: reusableAt,
    });
    await ledger.current.advance(3_601);
    expect(await takeAddress(ledger.current, aRequest({ key: 'small-3', pool: pool.name }))).toMatchObject({
      mac: first.mac,
      generation: 2,
    });
  });

  test('after the end of the range is the one that was released longest ago', async () => {
    const pool = await aPool('reuse', '13', 3);
    const held = [];
    for (const key of ['r1', 'r2', 'r3'])
      held.push(await takeAddress(ledger.current, aRequest({ key, pool: pool.name })));
    for (const item of [held[1], held[2], held[0]]) if (item) await release(ledger.current.db, [item], by);
    await ledger.current.advance(3_601);
    const group = ['r4', 'r5', 'r6', 'r7'].map((key) => aRequest({ key, pool: pool.name }));
    const results = await allocate(ledger.current.db, pool.name, group, { leaseSeconds: LEASE_SECONDS });
    expect(results.map((result) => (result.outcome === 'allocated' ? result.mac : result.outcome))).toEqual([
      pool.at(1),
      pool.at(2),
      pool.at(0),
      'exhausted',
    ]);
  });
});

describe('the same key', () => {
  test('gets the same address again, with a new lease while it is pending, and one audit row', async () => {
    const first = await requestAddress(ledger.current, aPodRequest('again'));
    await ledger.current.advance(60);
    const second = await requestAddress(ledger.current, aPodRequest('again'));
    if (first.outcome !== 'allocated' || second.outcome !== 'replayed')
      throw new Error(JSON.stringify([first, second]));
    expect(second.mac).toBe(first.mac);
    expect(Number(second.expiresAt) - Number(first.expiresAt)).toBeGreaterThanOrEqual(60_000);
    expect(await listAudit(ledger.current.db, { mac: first.mac })).toHaveLength(1);
  });

  test('of a device gets its full period again, so no clean-up takes the returned address', async () => {
    const { db, advance } = ledger.current;
    const request = aRequest({ key: 'device/again', ttlSeconds: 100 });
    const { mac: held } = await takeAddress(ledger.current, request);
    await advance(101);
    expect(await requestAddress(ledger.current, request)).toMatchObject({ outcome: 'replayed', mac: held });
    const cleanUp = { pool: request.pool, graceSeconds: 0, limit: 100, actor: 'cleanup' };
    expect(await releaseExpiredDevices(db, cleanUp)).not.toContain(held);
    await advance(101);
    expect(await releaseExpiredDevices(db, cleanUp)).toContain(held);
  });

  test('twice in one group counts once', async () => {
    const pool = await aPool('twins', '14', 8);
    const twins = [aRequest({ key: 'twin', pool: pool.name }), aRequest({ key: 'twin', pool: pool.name })];
    const results = await allocate(ledger.current.db, pool.name, twins, { leaseSeconds: LEASE_SECONDS });
    expect(results).toEqual([results[0], results[0]]);
    expect(await listAddresses(ledger.current.db, { pool: pool.name })).toHaveLength(1);
  });

  test('for another address, or in another pool, is a conflict', async () => {
    const pool = await aPool('conflict', '15', 8);
    await takeAddress(ledger.current, aRequest({ key: 'fixed', pool: pool.name, requested: pool.at(4) }));
    const elsewhere = aRequest({ key: 'fixed', pool: pool.name, requested: pool.at(5) });
    expect(await requestAddress(ledger.current, elsewhere)).toEqual({ outcome: 'key_conflict' });
    expect(await requestAddress(ledger.current, aRequest({ key: 'fixed', pool: 'docker' }))).toEqual({
      outcome: 'key_conflict',
    });
  });
});

describe('an address requested by name', () => {
  test('that is held is refused with its holder', async () => {
    const held = await takeAddress(ledger.current, aPodRequest('holder'));
    expect(await requestAddress(ledger.current, aPodRequest('late', { requested: held.mac }))).toMatchObject({
      outcome: 'in_use',
      mac: held.mac,
      holder: {
        state: 'pending',
        owner: { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'holder', nic: 'eth0' },
      },
    });
  });

  test('goes back to its last owner within the reuse delay, and to nobody else', async () => {
    const held = await takeAddress(ledger.current, aPodRequest('web-0'));
    await release(ledger.current.db, [held], by);
    expect(await requestAddress(ledger.current, aPodRequest('web-1', { requested: held.mac }))).toMatchObject({
      outcome: 'in_use',
      holder: { state: 'released' },
    });
    expect(
      await takeAddress(ledger.current, aPodRequest('web-0', { key: 'named/web-0/2', requested: held.mac })),
    ).toMatchObject({
      mac: held.mac,
      generation: 2,
    });
  });

  test('goes within the reuse delay to anyone in the namespace that released it, unless the namespace was created anew', async () => {
    const held = await takeAddress(ledger.current, aPodRequest('blue-1'));
    await release(ledger.current.db, [held], by);
    const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'green-1', nic: 'net1' };
    const ask = (changes: Partial<AllocationRequest>) =>
      requestAddress(ledger.current, aPodRequest('green-1', { owner, requested: held.mac, ...changes }));
    expect(await ask({ namespaceSince: LATER })).toMatchObject({ outcome: 'in_use' });
    const elsewhere = { owner: { ...owner, namespace: 'other' }, namespaceSince: new Date(0) };
    expect(await ask(elsewhere)).toMatchObject({ outcome: 'in_use' });
    expect(await ask({ owner: { ...owner, clusterId: 'c2' }, namespaceSince: new Date(0) })).toMatchObject({
      outcome: 'not_adopted',
    });
    expect(await ask({ namespaceSince: new Date(0) })).toMatchObject({ outcome: 'allocated', mac: held.mac });
  });

  test('goes within the reuse delay to nobody if the end of its pod was not seen, except to who overrides the delay', async () => {
    const { db } = ledger.current;
    const held = await takeAddress(ledger.current, aPodRequest('unseen'));
    await release(db, [{ ...held, endUnseen: true }], by);
    const ask = (changes: Partial<AllocationRequest>) =>
      requestAddress(ledger.current, aPodRequest('unseen', { requested: held.mac, ...changes }));
    for (const namespaceSince of [undefined, new Date(0)]) {
      expect(await ask({ namespaceSince })).toMatchObject({
        outcome: 'in_use',
        holder: { state: 'released', until: expect.any(Date) as Date },
      });
    }
    const next = await takeAddress(
      ledger.current,
      aPodRequest('unseen', { requested: held.mac, overridesDelay: true, namespaceSince: new Date(0) }),
    );
    await release(db, [next], by);
    expect(await ask({ namespaceSince: new Date(0) })).toMatchObject({ outcome: 'allocated', mac: held.mac });
  });

  test('goes to anyone who overrides the reuse delay, which the audit shows', async () => {
    const { db } = ledger.current;
    const held = await takeAddress(ledger.current, aPodRequest('spare'));
    await release(db, [held], by);
    const device = aRequest({ key: 'device/spare', pool: 'kubernetes', requested: held.mac, reason: 'reserved' });
    expect(await requestAddress(ledger.current, device)).toMatchObject({ outcome: 'in_use' });
    const taken = await takeAddress(ledger.current, { ...device, overridesDelay: true });
    expect(await listAudit(db, { mac: held.mac, limit: 1 })).toMatchObject([
      { action: 'allocate', user: 'ada', reason: 'reuse delay overridden' },
    ]);
    expect(await requestAddress(ledger.current, { ...device, key: 'device/late', overridesDelay: true })).toMatchObject(
      { outcome: 'in_use', holder: { state: 'active' } },
    );
    await release(db, [taken], by);
    await ledger.current.advance(3_601);
    await takeAddress(ledger.current, { ...device, key: 'device/later', overridesDelay: true });
    expect(await listAudit(db, { mac: held.mac, limit: 1 })).toMatchObject([{ reason: 'reserved' }]);
  });

  test('outside the pool is out of range', async () => {
    const request = aRequest({ key: 'far', pool: 'development', requested: mac('a4:58:0f:02:00:00') });
    expect(await requestAddress(ledger.current, request)).toEqual({ outcome: 'out_of_range' });
  });

  test('of a deleted reserved claim is reused by a claim of the same namespace, and stays reserved', async () => {
    const owner = { clusterId: 'c1', kind: 'MacAllocation', namespace: 'fleet', name: 'host-1', uid: 'u1', nic: '' };
    const kept = await takeAddress(
      ledger.current,
      aRequest({ key: 'claim/u1', pool: 'reserved', state: 'reserved', owner }),
    );
    const next = { key: 'claim/u2', pool: 'reserved', requested: kept.mac } as const;
    expect(await requestAddress(ledger.current, aRequest({ ...next, owner: { ...owner, uid: 'u2' } }))).toMatchObject({
      outcome: 'in_use',
    });
    expect(await keepReserved(ledger.current.db, [kept], by)).toEqual([{ outcome: 'kept' }]);
    expect(
      await requestAddress(ledger.current, aRequest({ ...next, owner: { ...owner, namespace: 'other', uid: 'u2' } })),
    ).toMatchObject({ outcome: 'in_use' });
    expect(
      await requestAddress(ledger.current, aRequest({ ...next, owner: { ...owner, name: 'host-2', uid: 'u2' } })),
    ).toMatchObject({
      outcome: 'allocated',
      mac: kept.mac,
      generation: 2,
      state: 'reserved',
    });
  });
});

describe('the last address of an interface', () => {
  const nic = (changes: Partial<Owner> = {}) => {
    return { clusterId: 'c1', kind: 'VirtualMachine', namespace: 'team', name: 'db', nic: 'blue', ...changes };
  };
  let asked = 0;
  const ask = async (owner: Owner, changes: Partial<AllocationRequest> = {}) =>
    await takeAddress(
      ledger.current,
      aPodRequest('', {
        key: `nic-${String(asked++)}`,
        owner,
        namespaceSince: new Date(0),
        prefersLast: true,
        ...changes,
      }),
    );

  test('goes back to the interface of the machine that lost it, also within the reuse delay', async () => {
    const { db } = ledger.current;
    const older = await ask(nic());
    const newer = await ask(nic());
    await release(db, [older], by);
    await release(db, [newer], by);
    const others = [nic({ nic: 'red' }), nic({ name: 'web' }), nic({ namespace: 'other' }), nic({ kind: 'Pod' })];
    for (const other of others) expect([older.mac, newer.mac]).not.toContain((await ask(other)).mac);
    const anew = await ask(nic(), { namespaceSince: LATER });
    expect([older.mac, newer.mac]).not.toContain(anew.mac);
    const next = await ask(nic(), { prefersLast: false });
    expect([older.mac, newer.mac]).not.toContain(next.mac);
    expect(await ask(nic())).toMatchObject({ mac: newer.mac, generation: 2 });
    expect(await ask(nic())).toMatchObject({ mac: older.mac, generation: 2 });
    expect(await ask(nic())).toMatchObject({ generation: 1 });
  });

  test('is not preferred to what the key already holds, nor while something else uses it', async () => {
    const { db } = ledger.current;
    const lost = await ask(nic({ name: 'busy' }));
    const held = await ask(nic({ name: 'busy' }), { key: 'busy again' });
    await release(db, [lost], by);
    expect(await ask(nic({ name: 'busy' }), { key: 'busy again' })).toEqual(held);
    const object = { ...nic({ namespace: 'squat' }), uid: 'u-squat' };
    await observe(db, [{ mac: lost.mac, object, limited: false }], 'test');
    expect((await ask(nic({ name: 'busy' }))).mac).not.toBe(lost.mac);
  });

  test('is no reason for a refusal: a machine whose last address goes to another request gets the next one', async () => {
    const { db } = ledger.current;
    const owner = nic({ name: 'outrun' });
    const lost = await ask(owner);
    await release(db, [lost], by);
    const changes = { owner, namespaceSince: new Date(0) };
    const results = await allocate(
      db,
      'kubernetes',
      [
        aPodRequest('', { ...changes, key: 'outrun by name', requested: lost.mac }),
        aPodRequest('', { ...changes, key: 'outrun', prefersLast: true }),
        aPodRequest('', { ...changes, key: 'outrun again', prefersLast: true }),
      ],
      { leaseSeconds: LEASE_SECONDS },
    );
    expect(results).toMatchObject([
      { outcome: 'allocated', mac: lost.mac },
      { outcome: 'allocated', generation: 1 },
      { outcome: 'allocated', generation: 1 },
    ]);
  });
});

describe('a request is refused, and its neighbours are not,', () => {
  test('when its cluster has not been adopted or is retired', async () => {
    const { db } = ledger.current;
    const inCluster = (clusterId: string) =>
      aPodRequest(`in-${clusterId}`, {
        pool: 'experiment',
        owner: { clusterId, kind: 'Pod', namespace: 'n', name: 'p', nic: 'eth0' },
      });
    await registerCluster(db, { clusterId: 'new', name: 'new' }, 'test');
    await joinCluster(db, 'old');
    await retireCluster(db, 'old', 'test');
    const group = [inCluster('nowhere'), inCluster('new'), inCluster('old'), inCluster('c1')];
    const results = await allocate(db, 'experiment', group, { leaseSeconds: LEASE_SECONDS });
    expect(results.map(({ outcome }) => outcome)).toEqual(['not_adopted', 'not_adopted', 'not_adopted', 'allocated']);
  });

  test('when too many addresses of its namespace wait for their objects', async () => {
    const { db, sql } = ledger.current;
    await sql('update rock_mac.ledger_state set pending_cap = 3');
    const inTeam = (namespace: string, name: string) =>
      aPodRequest(`${namespace}-${name}`, { owner: { clusterId: 'c1', kind: 'Pod', namespace, name, nic: 'eth0' } });
    const group = [...['1', '2', '3', '4'].map((name) => inTeam('busy', name)), inTeam('calm', '1')];
    const results = await allocate(db, 'kubernetes', group, { leaseSeconds: LEASE_SECONDS });
    await sql('update rock_mac.ledger_state set pending_cap = default');
    expect(results.map(({ outcome }) => outcome)).toEqual([
      'allocated',
      'allocated',
      'allocated',
      'pending_cap',
      'allocated',
    ]);
  });

  test('when its pool is paused, or does not exist', async () => {
    const pool = await aPool('paused', '16', 4);
    expect(await pausePool(ledger.current.db, pool.name, true, 'test')).toBe('paused');
    expect(await requestAddress(ledger.current, aRequest({ key: 'p', pool: pool.name }))).toEqual({
      outcome: 'pool_paused',
    });
    expect(await pausePool(ledger.current.db, pool.name, false, 'test')).toBe('resumed');
    expect(await requestAddress(ledger.current, aRequest({ key: 'p', pool: pool.name }))).toMatchObject({
      outcome: 'allocated',
    });
    expect(await requestAddress(ledger.current, aRequest({ key: 'q', pool: 'nowhere' }))).toEqual({
      outcome: 'pool_not_found',
    });
  });
});

describe('a pool', () => {
  test('cannot share an address with another, nor be defined twice in two ways', async () => {
    const { db } = ledger.current;
    const pool = await aPool('mine', '17', 16);
    expect(await definePool(db, pool, 'test')).toBe('unchanged');
    expect(await definePool(db, { ...pool, reuseDelaySeconds: 60 }, 'test')).toBe('conflict');
    expect(await definePool(db, { ...pool, name: 'theirs', first: pool.at(15), last: pool.at(20) }, 'test')).toBe(
      'overlaps',
    );
    const outside = { ...pool, name: 'outside', first: mac('a4:58:10:00:00:00'), last: mac('a4:58:10:00:00:0f') };
    expect(await definePool(db, outside, 'test')).toBe('outside_prefix');
    await expect(definePool(db, { ...pool, reuseDelaySeconds: 1 }, 'test')).rejects.toMatchObject({
      code: 'BAD_REQUEST',
    });
  });

  test('grows at its end', async () => {
    const { db } = ledger.current;
    const pool = await aPool('grows', '18', 1);
    await aPool('neighbour', '19', 1);
    await takeAddress(ledger.current, aRequest({ key: 'g1', pool: pool.name }));
    expect(await growPool(db, pool.name, pool.at(1), 'test')).toBe('grown');
    expect(await growPool(db, pool.name, pool.at(0), 'test')).toBe('would_shrink');
    expect(await growPool(db, pool.name, mac('a4:58:0f:19:00:00'), 'test')).toBe('overlaps');
    expect(await takeAddress(ledger.current, aRequest({ key: 'g2', pool: pool.name }))).toMatchObject({
      mac: pool.at(1),
    });
  });

  test('is removed if it was never used, and paused if it was', async () => {
    const { db } = ledger.current;
    const pool = await aPool('leaves', '1a', 4);
    const held = await takeAddress(ledger.current, aRequest({ key: 'l1', pool: pool.name }));
    expect(await removePool(db, pool.name, 'test')).toBe('in_use');
    await release(db, [held], by);
    expect(await removePool(db, pool.name, 'test')).toBe('paused');
    await aPool('unused', '1b', 4);
    expect(await removePool(db, 'unused', 'test')).toBe('removed');
  });

  test('counts its addresses', async () => {
    const pool = await aPool('counts', '1c', 10);
    const ask3 = (state: 'active' | 'reserved' | 'pending') =>
      takeAddress(ledger.current, aRequest({ key: `counts-${state}`, pool: pool.name, state }));
    const held = await ask3('active');
    await ask3('reserved');
    await ask3('pending');
    await release(ledger.current.db, [held], by);
    expect((await poolStats(ledger.current.db)).find((stats) => stats.pool === pool.name)).toMatchObject({
      capacity: 10,
      active: 0,
      pending: 1,
      reserved: 1,
      released: 1,
      orphaned: 0,
      free: 7,
      utilisation: 30,
      totalAllocated: 3,
      totalReleased: 1,
    });
  });
});

describe('the audit', () => {
  test("records who requested an address, who released it and when, under the predecessor's column names", async () => {
    const held = await takeAddress(
      ledger.current,
      aRequest({ key: 'audited', device: { id: 'vm-7', type: 'qemu-vm' } }),
    );
    await release(ledger.current.db, [held], { actor: 'bob', reason: 'done' });
    const rows = await ledger.current.sql(
      `select action, mac_address, pool, device_id, "user", details, generation, state_before, state, actor, reason
       from rock_mac.audit_log where mac_address = $1 order by "timestamp", id`,
      [held.mac.toUpperCase()],
    );
    const both = { mac_address: held.mac, pool: 'development', device_id: 'vm-7', generation: 1 };
    expect(rows).toEqual([
      {
        ...both,
        action: 'allocate',
        user: 'ada',
        actor: 'test',
        reason: '',
        state_before: null,
        state: 'active',
        details: { requester: 'ada', deviceType: 'qemu-vm' },
      },
      {
        ...both,
        action: 'release',
        user: 'bob',
        actor: 'bob',
        reason: 'done',
        state_before: 'active',
        state: 'released',
        details: { requester: 'ada', deviceType: 'qemu-vm' },
      },
    ]);
  });

  test('cannot be changed, and no address can be deleted', async () => {
    for (const text of ['update rock_mac.audit_log set action = action', 'delete from rock_mac.addresses']) {
      await expect(ledger.current.sql(text)).rejects.toThrow('never allowed');
    }
  });
});

test('the address of a key is found by that key only while the key holds it', async () => {
  const held = await takeAddress(ledger.current, aRequest({ key: 'finder', device: { id: 'vm-8' } }));
  expect(await findByHolderKey(ledger.current.db, 'finder')).toMatchObject({
    ...held,
    state: 'active',
    pool: 'development',
  });
  await release(ledger.current.db, [held], by);
  expect(await findByHolderKey(ledger.current.db, 'finder')).toBeUndefined();
});
