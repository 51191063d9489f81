import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ledgerTime, markMissing } from '../../ledger/address/mark-missing.ts';
import { observe } from '../../ledger/observation/observe.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { retireCluster } from '../../ledger/state/clusters.ts';
import { freeGap, markReported, recover } from '../../ledger/state/recovery.ts';
import { mac } from '../../mac/mac-address.ts';
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
