import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { POOL_STRATEGIES } from '../../api/pool-strategy.ts';
import { expiredLeases } from '../../ledger/address/expired-leases.ts';
import { findByMacs } from '../../ledger/address/find.ts';
import { ledgerTime, markMissing } from '../../ledger/address/mark-missing.ts';
import { release } from '../../ledger/address/release.ts';
import { observe } from '../../ledger/observation/observe.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { growPool, setPoolStrategy } from '../../ledger/pool/pools.ts';
import { retireCluster } from '../../ledger/state/clusters.ts';
import { freeGap, markReported, recover } from '../../ledger/state/recovery.ts';
import { mac, type MacAddress } from '../../mac/mac-address.ts';
import {
  aPodRequest,
  aRequest,
  findingsExceptClock,
  freshLedger,
  joinCluster,
  takeAddress,
  type TestLedger,
} from './ledger-fixture.ts';

let ledger: TestLedger;
let epoch = 1;
const by = { actor: 'test', reason: 'test' };

beforeEach(async () => {
  ledger = await freshLedger();
  await ledger.sql('update rock_mac.ledger_state set replication_gap = 5');
  epoch = 1;
  await join('c1');
});
afterEach(() => ledger.close());

async function join(clusterId: string): Promise<void> {
  await joinCluster(ledger.db, clusterId, epoch);
}

/** A failover under `single`: addresses are set aside, and all clusters report. */
async function failOver(...clusters: readonly string[]): Promise<void> {
  epoch = await recover(ledger.db, { expected: epoch, lossy: true, actor: 'test' });
  for (const clusterId of clusters) await markReported(ledger.db, { clusterId, epoch }, 'test');
}

async function resync(clusterId: string): Promise<void> {
  await markMissing(ledger.db, { clusterId, startedAt: await ledgerTime(ledger.db), seen: [] });
}

async function orphaned(pool = 'kubernetes'): Promise<number | undefined> {
  return (await poolStats(ledger.db)).find((stats) => stats.pool === pool)?.orphaned;
}

const free = () => freeGap(ledger.db, { actor: 'operator' });

/** Undoes in the database what `transaction` changed, as if a standby that never received it had become the primary. */
async function lose<T>(transaction: () => Promise<T>): Promise<T> {
  await ledger.sql('create table kept_pools as table rock_mac.pools');
  await ledger.sql('create table kept as table rock_mac.addresses');
  const [{ id } = { id: 0 }] = await ledger.sql('select coalesce(max(id), 0) as id from rock_mac.audit_log');
  const result = await transaction();
  await ledger.sql(`
    begin;
    set local session_replication_role = replica;
    delete from rock_mac.addresses;
    insert into rock_mac.addresses table kept;
    delete from rock_mac.audit_log where id > ${String(id)};
    update rock_mac.pools p set next_addr = k.next_addr, draws = k.draws, floor_at = k.floor_at, floor_addr = k.floor_addr
    from kept_pools k where k.pool_id = p.pool_id;
    drop table kept, kept_pools;
    commit`);
  return result;
}

describe.each(POOL_STRATEGIES)('what a %s pool handed out and a failover lost', (strategy) => {
  const names = (count: number, of: string) => Array.from({ length: count }, (_, n) => `${of}-${String(n)}`);
  const takeAll = async (pods: readonly string[]) => {
    const macs = [];
    for (const name of pods) macs.push((await takeAddress(ledger, aPodRequest(name))).mac);
    return macs;
  };
  const stateOf = async (macs: readonly MacAddress[]) => (await findByMacs(ledger.db, macs)).map(({ state }) => state);

  test('is set aside, and nobody gets it again', async () => {
    await setPoolStrategy(ledger.db, 'kubernetes', strategy, 'test');
    await takeAll(names(20, 'before'));
    const lost = await lose(() => takeAll(names(5, 'lost')));
    expect(await stateOf(lost)).toEqual([]);
    await failOver('c1');
    expect(await stateOf(lost)).toEqual(lost.map(() => 'orphaned'));
    expect(await orphaned()).toBe(5);
    const after = await takeAll(names(20, 'after'));
    expect(after.filter((each) => lost.includes(each))).toEqual([]);
    expect(await findingsExceptClock(ledger.db)).toEqual([]);
  });

  test('is set aside too in a pool that came back to its strategy, and grew', async () => {
    await ledger.sql(`update rock_mac.pools set last = first + 99 where name = 'kubernetes'`);
    const other = strategy === 'random' ? 'sequential' : 'random';
    for (const [turn, each] of ([strategy, other, strategy] as const).entries()) {
      await setPoolStrategy(ledger.db, 'kubernetes', each, 'test');
      await takeAll(names(20, `turn-${String(turn)}`));
    }
    await growPool(ledger.db, 'kubernetes', mac('a4:58:0f:05:00:7f'), 'test');
    await takeAll(names(3, 'grown'));
    const lost = await lose(() => takeAll(names(5, 'lost')));
    await failOver('c1');
    expect(await stateOf(lost)).toEqual(lost.map(() => 'orphaned'));
    expect(await findingsExceptClock(ledger.db)).toEqual([]);
  });

  test.each([1, 2, 3])('is set aside too in a pool of %i addresses', async (size) => {
    await ledger.sql(`update rock_mac.pools set last = first + ${String(size - 1)} where name = 'kubernetes'`);
    await setPoolStrategy(ledger.db, 'kubernetes', strategy, 'test');
    await takeAll(names(1, 'before'));
    const lost = await lose(() => takeAll(names(size - 1, 'lost')));
    await failOver('c1');
    expect(await stateOf(lost)).toEqual(lost.map(() => 'orphaned'));
    expect(await orphaned()).toBe(size - 1);
    expect(await findingsExceptClock(ledger.db)).toEqual([]);
  });

  test('is set aside too where the pool steps over addresses that were requested by name', async () => {
    await setPoolStrategy(ledger.db, 'kubernetes', strategy, 'test');
    const [next, second] = await lose(() => takeAll(names(2, 'tried')));
    await takeAddress(ledger, aPodRequest('by-name', { requested: second }));
    const lost = await lose(() => takeAll(names(4, 'lost')));
    expect(lost[0]).toBe(next);
    await failOver('c1');
    expect(await stateOf(lost)).toEqual(lost.map(() => 'orphaned'));
  });

  test('is set aside with the head of the queue where the pool has few new addresses left', async () => {
    await ledger.sql(`update rock_mac.pools set last = first + 9 where name = 'kubernetes'`);
    await setPoolStrategy(ledger.db, 'kubernetes', strategy, 'test');
    const before = await takeAll(names(8, 'before'));
    await ledger.advance(90_000);
    for (const expired of await expiredLeases(ledger.db, 'c1', 20)) await release(ledger.db, [expired], by);
    await ledger.advance(3_601);
    const lost = await lose(() => takeAll(names(5, 'lost')));
    expect(lost.filter((each) => before.includes(each))).toHaveLength(3);
    await failOver('c1');
    expect(await stateOf(lost)).toEqual(lost.map(() => 'orphaned'));
    expect(await orphaned()).toBe(5);
  });
});

describe('addresses that a failover set aside', () => {
  test('are free when every cluster has compared its objects after the reuse delay', async () => {
    await join('c2');
    await failOver('c1', 'c2');
    expect(await orphaned()).toBe(5);
    await resync('c1');
    await resync('c2');
    expect(await free()).toBe(0);
    await ledger.advance(3_601);
    await resync('c1');
    expect(await free()).toBe(0);
    await resync('c2');
    expect(await free()).toBeGreaterThan(0);
    expect(await orphaned()).toBe(0);
    expect((await takeAddress(ledger, aPodRequest('next'))).mac).toBe('a4:58:0f:05:00:05');
    expect(await findingsExceptClock(ledger.db)).toEqual([]);
  });

  test('stay while a cluster is silent, and are freed when it is retired', async () => {
    await join('silent');
    await failOver('c1', 'silent');
    await ledger.advance(700_000);
    await resync('c1');
    expect(await free()).toBe(0);
    await retireCluster(ledger.db, 'silent', 'test');
    await resync('c1');
    expect(await free()).toBeGreaterThan(0);
  });

  test('stay where a live object uses them', async () => {
    await failOver('c1');
    const object = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'web', uid: 'u', nic: 'eth0' };
    await observe(ledger.db, [{ mac: mac('a4:58:0f:05:00:01'), object, limited: false }], 'operator');
    await ledger.advance(3_601);
    await resync('c1');
    await free();
    expect(await orphaned()).toBe(1);
  });

  test('stay in a pool that a device has used, until an admin frees them', async () => {
    await takeAddress(ledger, aRequest({ key: 'vm', pool: 'development' }));
    await failOver('c1');
    await ledger.advance(100_000);
    await resync('c1');
    await free();
    expect(await orphaned()).toBe(0);
    expect(await orphaned('development')).toBe(5);
    expect(await freeGap(ledger.db, { pool: 'development', actor: 'ada' })).toBe(5);
    expect(await orphaned('development')).toBe(0);
  });

  test('stay in a ledger without clusters, whose devices report nothing', async () => {
    await retireCluster(ledger.db, 'c1', 'test');
    await failOver();
    await ledger.advance(700_000);
    expect(await free()).toBe(0);
  });

  test('do not use up a pool in many planned switchovers', async () => {
    for (let switchover = 0; switchover < 8; switchover++) {
      await failOver('c1');
      await ledger.advance(700_000);
      await resync('c1');
      await free();
    }
    const stats = (await poolStats(ledger.db)).find(({ pool }) => pool === 'kubernetes');
    expect(stats).toMatchObject({ orphaned: 0, free: stats?.capacity });
    expect(await findingsExceptClock(ledger.db)).toEqual([]);
  });
});
