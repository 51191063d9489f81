import { afterEach, beforeEach, expect, test } from 'vitest';
import { dropConsumer, takeConsumer } from '../../ledger/address/consumer.ts';
import { expiredClaimsByPool } from '../../ledger/address/expired-claims.ts';
import { releaseExpiredDevices } from '../../ledger/address/expired-devices.ts';
import { expiredLeases } from '../../ledger/address/expired-leases.ts';
import { markMissing, missingAddresses } from '../../ledger/address/mark-missing.ts';
import { release } from '../../ledger/address/release.ts';
import { releaseExpired } from '../../ledger/address/release-expired.ts';
import { listAudit } from '../../ledger/audit.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { definePool } from '../../ledger/pool/pools.ts';
import { reportClock, trustClock } from '../../ledger/state/clock.ts';
import { markAdopted, registerCluster } from '../../ledger/state/clusters.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { mac } from '../../mac/mac-address.ts';
import { aPodRequest, aRequest, freshLedger, requestAddress, takeAddress, type TestLedger } from './ledger-fixture.ts';

/*
 * A jump of the database's clock must free nothing. Callers report their clocks; here they are the clock of the test, moved
 * by `realTime` where time passes for everybody.
 */

const DAY = 86_400;
const by = { actor: 'test', reason: 'test' };
let ledger: TestLedger;
let realTime = 0;
let jumped = 0;

async function setClock(): Promise<void> {
  await ledger.sql(`create or replace function rock_mac.clock() returns timestamptz language sql volatile parallel safe
                    return clock_timestamp() + make_interval(secs => ${String(realTime + jumped)})`);
}

/** Moves the clock of the database alone. */
async function jump(seconds: number): Promise<void> {
  jumped += seconds;
  await setClock();
}

/** Lets time pass for the database and for its callers. */
async function pass(seconds: number): Promise<void> {
  realTime += seconds;
  await setClock();
}

/** Reports from a process whose clock is right, or wrong by some seconds. */
function report(name: string, { clusterId = 'c1', wrongBy = 0 } = {}) {
  return reportClock(ledger.db, { clusterId, name }, new Date(Date.now() + (realTime + wrongBy) * 1_000));
}

async function reportAll(names: readonly string[], clusterId = 'c1'): Promise<string> {
  let last = '';
  for (const name of names) last = await report(name, { clusterId });
  return last;
}

const PROCESSES = ['operator', 'webhook-1', 'webhook-2'];

async function register(clusterId: string): Promise<void> {
  await registerCluster(ledger.db, { clusterId, name: clusterId }, 'test');
  await markAdopted(ledger.db, { clusterId, epoch: 1 }, 'test');
}

beforeEach(async () => {
  realTime = 0;
  jumped = 0;
  ledger = await freshLedger();
  await register('c1');
  expect(await reportAll(PROCESSES)).toBe('trusted');
});

afterEach(async () => {
  await ledger.close();
});

const aClaim = (key: string, ttlSeconds?: number) => {
  const owner = { clusterId: 'c1', kind: 'MacAllocation', namespace: 'team', name: key, uid: key, nic: '' };
  return aRequest({ key, pool: 'kubernetes', state: 'active', owner, ttlSeconds });
};

/** Fills a pool of two addresses, and releases one of them. Its reuse delay is a minute. */
async function aPoolOfReleased(): Promise<void> {
  const range = { first: mac('a4:58:0f:06:00:00'), last: mac('a4:58:0f:06:00:01') };
  await definePool(
    ledger.db,
    { name: 'small', description: '', ...range, reuseDelaySeconds: 60, autoReleaseSeconds: 3_600 },
    'test',
  );
  const first = await takeAddress(ledger, aRequest({ key: 'one', pool: 'small' }));
  await takeAddress(ledger, aRequest({ key: 'two', pool: 'small' }));
  await release(ledger.db, [first], by);
}

test('a jump of three days frees nothing, and a person lets time pass again when the clock is right', async () => {
  const device = await takeAddress(ledger, aRequest({ key: 'device', device: { id: 'd', type: 'vm' } }));
  const claim = await takeAddress(ledger, aClaim('claim', 3_600));
  const pending = await takeAddress(ledger, aPodRequest('pod'));
  const missing = await takeAddress(ledger, aClaim('missing'));
  const used = await takeAddress(ledger, aClaim('used'));
  await takeConsumer(ledger.db, [{ claimKey: 'used', key: 'pod', kind: 'Pod', name: 'p', nic: 'eth0' }], {
    leaseSeconds: 120,
    actor: 'test',
  });
  await aPoolOfReleased();
  await pass(5);
  const seen = [claim.mac, used.mac];
  await markMissing(ledger.db, { clusterId: 'c1', startedAt: new Date(Date.now() + 10_000), seen });

  const nothingExpires = async () => {
    const options = { pool: 'development', graceSeconds: 0, limit: 10, actor: 'test' };
    expect(await releaseExpiredDevices(ledger.db, options)).toEqual([]);
    expect(await releaseExpired(ledger.db, [claim, pending], by)).toEqual([{ outcome: 'held' }, { outcome: 'held' }]);
    expect(await expiredClaimsByPool(ledger.db, 'c1')).toEqual([]);
    expect(await expiredLeases(ledger.db, 'c1', 10)).toEqual([]);
    expect(await missingAddresses(ledger.db, 'c1', 10)).toEqual([]);
    expect(await dropConsumer(ledger.db, [{ mac: used.mac, consumerKey: 'pod' }], by)).toEqual([
      { outcome: 'not_consumer' },
    ]);
    expect(await requestAddress(ledger, aRequest({ key: 'next', pool: 'small' }))).toEqual({ outcome: 'expiry_held' });
    const same = aRequest({ key: 'same', pool: 'small', requested: mac('a4:58:0f:06:00:00') });
    expect(await requestAddress(ledger, same)).toMatchObject({ outcome: 'in_use', holder: { state: 'released' } });
    expect((await poolStats(ledger.db)).find(({ pool }) => pool === 'small')).toMatchObject({ free: 0 });
  };

  await jump(3 * DAY);
  await nothingExpires();
  await reportAll(PROCESSES);
  expect((await ledgerState(ledger.db)).expiryHeld).toMatchObject({
    why: 'clock_jumped',
    message: expect.stringMatching(/was 4320 minutes ahead of .* recover --trust-clock/) as string,
  });
  await nothingExpires();
  expect(await trustClock(ledger.db, 'ada')).toBe('disagrees');

  await jump(-3 * DAY);
  await pass(1);
  expect(await reportAll(PROCESSES)).toBe('clock_jumped');
  await nothingExpires();
  expect(await trustClock(ledger.db, 'ada')).toBe('trusted');
  expect((await ledgerState(ledger.db)).expiryHeld).toBeUndefined();
  expect(await listAudit(ledger.db, { action: 'trust-clock' })).toMatchObject([{ user: 'ada', actor: 'ada' }]);

  await pass(9 * DAY);
  await reportAll(PROCESSES);
  const options = { pool: 'development', graceSeconds: 0, limit: 10, actor: 'test' };
  expect(await releaseExpiredDevices(ledger.db, options)).toEqual([device.mac]);
  expect(await releaseExpired(ledger.db, [claim, pending], by)).toEqual([
    { outcome: 'released' },
    { outcome: 'released' },
  ]);
  expect(await missingAddresses(ledger.db, 'c1', 10)).toMatchObject([{ mac: missing.mac }]);
  expect(await requestAddress(ledger, aRequest({ key: 'next', pool: 'small' }))).toMatchObject({
    outcome: 'allocated',
  });
});

test('a jump back holds expiry as well', async () => {
  await jump(-DAY);
  await reportAll(PROCESSES);
  expect((await ledgerState(ledger.db)).expiryHeld?.message).toMatch(/1440 minutes behind/);
});

test('a ledger that was idle or stopped for a week goes on as soon as its callers are back', async () => {
  await pass(7 * DAY);
  expect(await report('operator')).toBe('clock_unknown');
  expect(await report('webhook-1')).toBe('clock_unknown');
  expect(await report('webhook-2')).toBe('trusted');
});

test('a caller that does not come back is awaited for a minute', async () => {
  await pass(7 * DAY);
  expect(await report('operator')).toBe('clock_unknown');
  await pass(61);
  expect(await report('operator')).toBe('trusted');
});

test('one caller with a wrong clock does not hold expiry', async () => {
  expect(await report('webhook-1', { wrongBy: 3 * DAY })).toBe('trusted');
  for (let minute = 0; minute < 15; minute++) {
    await pass(60);
    expect(await report('webhook-1', { wrongBy: 3 * DAY })).toBe('trusted');
    expect(await reportAll(['operator', 'webhook-2'])).toBe('trusted');
  }
});

test('one caller whose clock jumped with the database does not let expiry go on, even if it is the first to report', async () => {
  await jump(3 * DAY);
  expect(await report('webhook-1', { wrongBy: 3 * DAY })).toBe('clock_unknown');
  expect(await report('webhook-1', { wrongBy: 3 * DAY })).toBe('clock_unknown');
  await report('operator');
  expect(await report('webhook-2')).toBe('clock_jumped');
});

test('where two clocks disagree, expiry waits until they agree, and no person is needed', async () => {
  await ledger.sql('delete from rock_mac.caller_clocks');
  expect(await report('operator', { wrongBy: DAY })).toBe('trusted');
  await pass(11 * 60);
  expect(await report('operator', { wrongBy: DAY })).toBe('clock_unknown');
  expect(await trustClock(ledger.db, 'ada')).toBe('not_held');
  expect(await report('operator')).toBe('trusted');
});

test('each cluster has one vote, however many processes it has', async () => {
  await register('c2');
  await register('c3');
  await reportAll(['operator'], 'c3');
  for (let minute = 0; minute < 4; minute++) {
    for (let index = 0; index < 20; index++) await report(`many-${String(index)}`, { clusterId: 'c2', wrongBy: DAY });
    await pass(4 * 60);
    await reportAll(PROCESSES);
    expect(await reportAll(['operator'], 'c3')).toBe('trusted');
  }
});

test('a cluster has at most 64 callers, and a cluster that has not registered or was retired has no vote', async () => {
  for (let index = 0; index < 70; index++) await report(`many-${String(index)}`);
  expect(await ledger.sql('select count(*)::int as rows from rock_mac.caller_clocks')).toEqual([{ rows: 64 }]);
  expect(await report('operator', { clusterId: 'nobody' })).toBe('not_registered');
});

test('the command line is asked only if no cluster reports', async () => {
  const line = (wrongBy: number) =>
    reportClock(ledger.db, { name: 'rock-mac' }, new Date(Date.now() + (realTime + wrongBy) * 1_000));
  await pass(9 * 60);
  expect(await report('operator')).toBe('trusted');
  await pass(9 * 60);
  expect(await report('operator')).toBe('trusted');
  expect(await line(DAY)).toBe('trusted');
  await pass(DAY);
  expect(await line(0)).toBe('clock_unknown');
  await pass(61);
  expect(await line(DAY)).toBe('clock_unknown');
  expect(await line(0)).toBe('trusted');
});
