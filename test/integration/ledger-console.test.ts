import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { FOUND, MAP_STATES, type MapState } from '../../api/state-map.ts';
import { adopt } from '../../ledger/address/adopt.ts';
import { bind } from '../../ledger/address/bind.ts';
import { takeConsumer } from '../../ledger/address/consumer.ts';
import { listAddresses } from '../../ledger/address/find.ts';
import { ledgerTime, markMissing } from '../../ledger/address/mark-missing.ts';
import { release } from '../../ledger/address/release.ts';
import { matchText, searchAddresses } from '../../ledger/address/search.ts';
import { backup } from '../../ledger/backup/backup.ts';
import { restore } from '../../ledger/backup/restore.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { observe } from '../../ledger/observation/observe.ts';
import { poolHistory } from '../../ledger/pool/history.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { definePool } from '../../ledger/pool/pools.ts';
import { addPrefix } from '../../ledger/pool/prefixes.ts';
import { stateMap } from '../../ledger/pool/state-map.ts';
import { sealAudit } from '../../ledger/seal/seal.ts';
import { listSeals, sealState } from '../../ledger/seal/seal-list.ts';
import { clusterCounts } from '../../ledger/state/cluster-counts.ts';
import { markUnused } from '../../ledger/sticky/unused.ts';
import { assignStock, returnStock } from '../../ledger/stock/leave-stock.ts';
import { mac, macToNumber, numberToMac } from '../../mac/mac-address.ts';
import { macPrefix } from '../../mac/mac-range.ts';
import {
  aPodRequest,
  aRequest,
  aStickyRequest,
  fillAStock,
  freshLedger,
  joinCluster,
  stickyPod,
  takeAddress,
  type TestLedger,
} from './ledger-fixture.ts';

const by = { actor: 'test', reason: 'test' };

async function ledgerOfThisTest(): Promise<TestLedger> {
  const ledger = await freshLedger();
  onTestFinished(() => ledger.close());
  await joinCluster(ledger.db, 'c1');
  return ledger;
}

/** Returns the names of the states from `first` on, without those that were never used. */
async function mapOf({ db }: TestLedger, first: string, count = 65_536): Promise<Record<string, MapState>> {
  const states = await stateMap(db, mac(first), count);
  const names = Object.fromEntries(Object.entries(MAP_STATES).map(([name, byte]) => [byte, name as MapState]));
  const found: Record<string, MapState> = {};
  for (const [index, byte] of states.entries()) {
    const name = names[byte];
    if (name === undefined) throw new Error(`there is no state ${String(byte)}`);
    if (name !== 'neverUsed') found[numberToMac(macToNumber(mac(first)) + index)] = name;
  }
  return found;
}

test('a map has one byte for each address of a pool, with its state', async () => {
  const ledger = await ledgerOfThisTest();
  const { db, sql, advance } = ledger;
  const pool = 'docker';
  const reused = await takeAddress(ledger, aRequest({ key: 'reused', pool }));
  await release(db, [reused], by);
  await advance(2 * 3_600);
  const last = mac('a4:58:0f:04:ff:ff');
  const at = (place: string) => mac(`a4:58:0f:04:01:${place}`);
  const waiting = await takeAddress(ledger, aRequest({ key: 'waiting', pool, requested: at('00') }));
  await release(db, [waiting], by);
  await takeAddress(ledger, aRequest({ key: 'active', pool, requested: at('01') }));
  await takeAddress(ledger, aRequest({ key: 'reserved', pool, requested: at('02'), state: 'reserved' }));
  await takeAddress(ledger, aPodRequest('pending', { pool, requested: at('03') }));
  const orphan = await takeAddress(ledger, aRequest({ key: 'orphan', pool, requested: last }));
  await sql(`update rock_mac.addresses set state = 'orphaned', expires_at = null where holder_key = $1`, [orphan.key]);
  const pod = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'seen', uid: 'u', nic: 'eth0' };
  await observe(db, [{ mac: at('05'), object: pod, limited: false }], 'test');
  const [stocked] = await fillAStock(ledger, { pool, count: 1 });
  const sticky = await takeAddress(ledger, aStickyRequest('web-0', { pool, requested: at('06') }));
  await bind(db, [{ ...sticky, boundKey: sticky.key, owner: stickyPod('web-0') }], 'test');
  await markUnused(db, [sticky]);

  expect(await mapOf(ledger, 'a4:58:0f:04:00:00')).toEqual({
    [String(stocked?.mac)]: 'stocked',
    ...(stocked?.mac === reused.mac ? {} : { [reused.mac]: 'freeAgain' }),
    [at('00')]: 'waiting',
    [at('01')]: 'active',
    [at('02')]: 'reserved',
    [at('03')]: 'pending',
    [at('05')]: 'observed',
    [at('06')]: 'stickyUnused',
    [last]: 'orphaned',
  });
  expect([...(await stateMap(db, at('00'), 4))]).toEqual([2, 4, 5, 3]);
  expect([...(await stateMap(db, at('07'), 1))]).toEqual([0]);
  expect(await stateMap(db, mac('fe:ff:ff:ff:ff:ff'), 65_536)).toEqual(Buffer.alloc(65_536));
  await expect(stateMap(db, last, 65_537)).rejects.toMatchObject({ code: 'BAD_REQUEST' });

  // No time passes that anybody believes, so nothing is free again.
  await sql(`update rock_mac.clock_trust set agreed_at = '-infinity'`);
  expect(Object.values(await mapOf(ledger, 'a4:58:0f:04:00:00'))).not.toContain('freeAgain');
  const docker = (await poolStats(db)).find(({ pool }) => pool === 'docker');
  expect(docker).toMatchObject({ waiting: docker?.released });
});

async function searchableLedger(): Promise<TestLedger> {
  const ledger = await ledgerOfThisTest();
  const { db } = ledger;
  const claim = { clusterId: 'c1', kind: 'MacAllocation', namespace: 'shop', name: 'web-address', uid: 'u', nic: '' };
  await takeAddress(
    ledger,
    aRequest({ key: 'vm-1', device: { id: 'vm-1' }, metadata: { rack: 'A7', deep: [{ n: 42 }] } }),
  );
  await takeAddress(ledger, aRequest({ key: 'vm-2', device: { id: 'VM-2' }, metadata: { rack: "it's \\ a:*b & c" } }));
  await takeAddress(ledger, aRequest({ key: 'claim', owner: claim, metadata: { rack: 'a7' } }));
  const user = { claimKey: 'claim', key: 'pod', kind: 'Pod', name: 'front-end', nic: 'eth0' };
  await takeConsumer(db, [user], { actor: 'test' });
  for (const name of ['web-0', 'web-1', 'dead-beef']) await takeAddress(ledger, aPodRequest(name));
  const gone = await takeAddress(ledger, aRequest({ key: 'gone', device: { id: 'gone' } }));
  await release(db, [gone], by);
  return ledger;
}

test('a search finds addresses by a part of the MAC and by the beginnings of names and values', async () => {
  const { db } = await searchableLedger();
  const found = async (text: string) =>
    (await searchAddresses(db, text, 50)).map((row) => {
      const match = matchText(row, text);
      return `${match?.found ?? 'nothing'} ${match?.value ?? ''}`;
    });
  expect(await found('A4-58-0F-01-00-00')).toEqual(['address a4:58:0f:01:00:00']);
  expect(await found('050001')).toEqual(['address a4:58:0f:05:00:01']);
  expect(await found('05:00:0')).toHaveLength(3);
  expect(await found('vm')).toEqual(['device vm-1']);
  expect(await found('VM')).toEqual(['device VM-2']);
  expect(await found('WEB-')).toEqual(['owner web-address', 'owner web-0', 'owner web-1']);
  expect(await found('front')).toEqual(['consumer front-end']);
  expect(await found('sho')).toEqual(['namespace shop']);
  expect(await found('c1')).toHaveLength(4);
  expect(await found('a7')).toEqual(['metadata A7', 'metadata a7']);
  expect(await found('42')).toEqual(['metadata 42']);
  expect(await found("it's \\ a:*b &")).toEqual([`metadata it's \\ a:*b & c`]);
  expect(await found('dead')).toEqual(['owner dead-beef']);
  expect(await found('gone')).toEqual([]);
  expect(await searchAddresses(db, 'c1', 2)).toHaveLength(2);
  for (const text of ['', ' ', 'x'.repeat(201), '\0']) {
    await expect(searchAddresses(db, text, 10)).rejects.toMatchObject({ code: 'BAD_REQUEST' });
  }
});

/** Gives addresses in a pool of 2^40, which has more places for a few digits than a search can visit. */
async function addLargePool(ledger: TestLedger): Promise<void> {
  await addPrefix(ledger.db, { prefix: macPrefix('02') }, 'test');
  const startedAt = await ledgerTime(ledger.db);
  await markMissing(ledger.db, { clusterId: 'c1', startedAt, prefixes: [macPrefix('02')], seen: [] });
  const range = { first: mac('02:00:00:00:00:00'), last: mac('02:ff:ff:ff:ff:ff') };
  const periods = { description: '', autoReleaseSeconds: null, reuseDelaySeconds: 60 };
  await definePool(ledger.db, { name: 'large', ...range, ...periods }, 'test');
  for (const requested of ['02:00:00:00:0a:bc', '02:5a:bc:12:34:56', '02:a4:58:0f:01:00', '02:ff:ff:ff:fa:bc']) {
    await takeAddress(ledger, aRequest({ key: requested, pool: 'large', requested: mac(requested) }));
  }
}

test('a search finds three digits in a pool of 2^40 addresses, without visiting each place for them', async () => {
  const ledger = await ledgerOfThisTest();
  await addLargePool(ledger);
  const found = async (text: string) => (await searchAddresses(ledger.db, text, 20)).map((row) => row.mac);
  await ledger.sql(`set statement_timeout = '1s'`);
  expect(await found('abc.')).toEqual(['02:00:00:00:0a:bc', '02:ff:ff:ff:fa:bc']);
  expect(await found('abc')).toEqual(['02:00:00:00:0a:bc', '02:5a:bc:12:34:56', '02:ff:ff:ff:fa:bc']);
  expect(await found('a4:58:0f')).toContain('02:a4:58:0f:01:00');
});

test('a search finds exactly the addresses in which the text is, and a map marks them', async () => {
  const ledger = await searchableLedger();
  await addLargePool(ledger);
  const { db } = ledger;
  const rows = await listAddresses(db, { limit: 1_000 });
  const values = rows.flatMap(({ mac, device, owner, consumer, clusterName }) =>
    [
      mac,
      mac.replaceAll(':', ''),
      device?.id,
      owner?.name,
      owner?.namespace,
      consumer?.name,
      clusterName,
      'A7',
      '42',
    ].filter((value) => value !== undefined),
  );
  const text = fc
    .record({ value: fc.constantFrom(...values), from: fc.nat(11), length: fc.integer({ min: 1, max: 12 }) })
    .map(({ value, from, length }) => value.slice(from, from + length))
    .filter((part) => part.trim() !== '');
  await fc.assert(
    fc.asyncProperty(fc.oneof(text, fc.constantFrom(`'`, '\\', '%', '_', ':*', 'a|b', '!')), async (searched) => {
      const wanted = rows.filter((row) => matchText(row, searched.trim()) !== undefined).map((row) => row.mac);
      const found = (await searchAddresses(db, searched, 100)).map((row) => row.mac);
      expect(found.toSorted()).toEqual(wanted.toSorted());
      for (const first of ['a4:58:0f:01:00:00', 'a4:58:0f:05:00:00']) {
        const states = await stateMap(db, mac(first), 16, searched);
        const marked = rows.filter((row) => {
          const at = macToNumber(row.mac) - macToNumber(mac(first));
          return at >= 0 && at < 16 && ((states[at] ?? 0) & FOUND) !== 0;
        });
        expect(marked.map((row) => row.mac)).toEqual(
          wanted.filter((each) => each.startsWith(first.slice(0, 16))).toSorted(),
        );
      }
    }),
    { numRuns: 300 },
  );
});

test('the history counts each hour of a pool once its rows are sealed', async () => {
  const ledger = await ledgerOfThisTest();
  const { db, sql, advance } = ledger;
  const hourNow = async () =>
    (await sql(`select date_trunc('hour', rock_mac.clock(), 'UTC') as hour`))[0]?.['hour'] as Date;
  // No hour ends within the test.
  await advance(3_600 - ((Date.now() / 1_000) % 3_600));
  const begin = await hourNow();
  const device = await takeAddress(ledger, aRequest({ key: 'device', pool: 'docker' }));
  await takeAddress(ledger, aRequest({ key: 'stays', pool: 'docker' }));
  const [given, unused] = await fillAStock(ledger, { pool: 'kubernetes', count: 2 });
  if (given === undefined || unused === undefined) throw new Error('there is no stock');
  expect(await poolHistory(db)).toEqual([]);
  await sealAudit(db);
  expect(await poolHistory(db, { pool: 'docker' })).toEqual([
    { pool: 'docker', hour: begin, held: 2, handedOut: 2, released: 0 },
  ]);
  expect(await poolHistory(db, { pool: 'kubernetes' })).toMatchObject([{ held: 2, handedOut: 0 }]);

  await advance(3 * 3_600);
  const later = await hourNow();
  const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'quick', nic: 'eth0' };
  await assignStock(db, [{ ...given, boundKey: 'named/quick', owner, requester: 'ada', reason: 'stock' }], {
    leaseSeconds: 120,
    actor: 'test',
  });
  await returnStock(db, [unused], { ...by, unused: true });
  await release(db, [device], by);
  await sealAudit(db);
  await sealAudit(db);
  expect(await poolHistory(db)).toEqual([
    { pool: 'docker', hour: begin, held: 2, handedOut: 2, released: 0 },
    { pool: 'docker', hour: later, held: 1, handedOut: 0, released: 1 },
    { pool: 'kubernetes', hour: begin, held: 2, handedOut: 0, released: 0 },
    { pool: 'kubernetes', hour: later, held: 1, handedOut: 1, released: 0 },
  ]);
  expect(await poolHistory(db, { pool: 'docker', since: later })).toMatchObject([{ hour: later }]);
  const between = new Date(later.getTime() - 3_600_000);
  expect(await poolHistory(db, { pool: 'docker', since: between })).toMatchObject([{ hour: begin }, { hour: later }]);
  const [first] = await poolHistory(db, { limit: 1 });
  expect(await poolHistory(db, { after: first, limit: 1 })).toMatchObject([{ pool: 'docker', hour: later }]);

  const file = new PassThrough();
  const chunks: Buffer[] = [];
  file.on('data', (chunk: Buffer) => chunks.push(chunk));
  await takeAddress(ledger, aRequest({ key: 'not sealed', pool: 'docker' }));
  await sql('update rock_mac.ledger_state set replication_gap = 0'); // a restore sets these addresses aside
  await backup(db, file);
  const copy = await freshLedger();
  onTestFinished(() => copy.close());
  await restore(copy.db, Readable.from(chunks), { actor: 'test' });
  expect(await poolHistory(copy.db)).toEqual(await poolHistory(db));
  await sealAudit(copy.db);
  expect(await poolHistory(copy.db, { pool: 'docker' })).toMatchObject([{ held: 2 }, { held: 2 }]);
  expect(await checkLedger(copy.db)).toEqual([]);
});

test('a cluster has its addresses, objects, orphans and observed addresses counted', async () => {
  const ledger = await ledgerOfThisTest();
  const { db, sql } = ledger;
  await joinCluster(db, 'c2');
  const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'two', uid: 'u2', nic: 'eth0' };
  const items = ['eth0', 'eth1'].map((nic, index) => ({
    mac: mac(`a4:58:0f:05:00:0${String(index)}`),
    key: `two/${nic}`,
    owner: { ...owner, nic },
    requester: 'ada',
  }));
  await adopt(db, items, 'test');
  await takeAddress(ledger, aPodRequest('one'));
  await sql(`update rock_mac.addresses set state = 'orphaned', expires_at = null where owner_name = 'one'`);
  await takeAddress(ledger, aRequest({ key: 'device' }));
  await observe(db, [{ mac: mac('a4:58:0f:05:00:77'), object: owner, limited: false }], 'test');
  expect(await clusterCounts(db)).toEqual([
    { clusterId: 'c1', addresses: 3, orphaned: 1, objects: 2, observed: 1 },
    { clusterId: 'c2', addresses: 0, orphaned: 0, objects: 0, observed: 0 },
  ]);
});

test('seals are listed, and the rows that are in none are counted', async () => {
  const ledger = await ledgerOfThisTest();
  const { db } = ledger;
  expect(await sealState(db)).toEqual({ last: undefined, unsealed: 0, forks: 0 });
  await takeAddress(ledger, aRequest({ key: 'one' }));
  expect(await sealState(db)).toMatchObject({ unsealed: 1 });
  await sealAudit(db);
  await takeAddress(ledger, aRequest({ key: 'two' }));
  await takeAddress(ledger, aRequest({ key: 'three' }));
  expect(await sealState(db)).toMatchObject({ last: { seq: 1, rows: 1, reached: 1 }, unsealed: 2, forks: 0 });
  await sealAudit(db);
  const seals = await listSeals(db, { limit: 10 });
  expect(seals).toMatchObject([
    { seq: 2, rows: 2, epoch: 1, isFork: false },
    { seq: 1, rows: 1 },
  ]);
  expect(await listSeals(db, { before: 2, limit: 10 })).toEqual(seals.slice(1));
  expect(await sealState(db)).toMatchObject({ last: { seq: 2 }, unsealed: 0 });
});
