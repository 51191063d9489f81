import { beforeAll, describe, expect, test } from 'vitest';
import { ledgerTime, markMissing } from '../../ledger/address/mark-missing.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { openLedger } from '../../ledger/connection/connect.ts';
import { definePool, growPool, removePool } from '../../ledger/pool/pools.ts';
import { addPrefix, listPrefixes, removePrefix } from '../../ledger/pool/prefixes.ts';
import { retireCluster } from '../../ledger/state/clusters.ts';
import { mac } from '../../mac/mac-address.ts';
import { macPrefix, type Prefixes } from '../../mac/mac-range.ts';
import {
  aRequest,
  joinCluster,
  ledgerOfThisFile,
  requestAddress,
  takeAddress,
  untilLockWait,
} from './ledger-fixture.ts';

const ledger = ledgerOfThisFile();
const periods = { description: '', autoReleaseSeconds: null, reuseDelaySeconds: 60 };

const prefixes = async () => (await listPrefixes(ledger.current.db)).map(({ prefix }) => prefix);
const add = (text: string, more: { readonly kind?: 'ieee' | 'local' | 'vendor'; readonly note?: string } = {}) =>
  addPrefix(ledger.current.db, { prefix: macPrefix(text), ...more }, 'ada');
const remove = (text: string) => removePrefix(ledger.current.db, macPrefix(text), 'test');
const aPool = (name: string, first: string, last: string) => ({ name, first: mac(first), last: mac(last), ...periods });

describe('the prefixes of a ledger', () => {
  test('are a4:58:0f at first', async () => {
    expect(await listPrefixes(ledger.current.db)).toMatchObject([{ prefix: 'a4:58:0f', kind: 'ieee', note: '' }]);
  });

  test('are any number, of 8 to 40 bits', async () => {
    expect(await add('02', { note: "the predecessor's" })).toEqual({ outcome: 'added' });
    expect(await add('8c:1f:64:12:3')).toEqual({ outcome: 'added' });
    expect(await add('00:50:56', { kind: 'vendor' })).toEqual({ outcome: 'added' });
    expect(await listPrefixes(ledger.current.db)).toMatchObject([
      { prefix: '00:50:56', kind: 'vendor', addedBy: 'ada' },
      { prefix: '02', kind: 'local', note: "the predecessor's" },
      { prefix: '8c:1f:64:12:3', kind: 'ieee', note: '' },
      { prefix: 'a4:58:0f' },
    ]);
  });

  test('keep their kind and note unless others are given', async () => {
    expect(await add('02')).toEqual({ outcome: 'unchanged' });
    expect(await add('02', { note: "the predecessor's" })).toEqual({ outcome: 'unchanged' });
    expect(await add('02', { note: 'of the old cluster' })).toEqual({ outcome: 'changed' });
    expect(await listPrefixes(ledger.current.db)).toContainEqual(
      expect.objectContaining({ prefix: '02', kind: 'local', note: 'of the old cluster' }),
    );
  });

  test.each([
    ['a4', 'a4:58:0f'],
    ['a4:58:0f:01', 'a4:58:0f'],
    ['02:00:00', '02'],
    ['8c:1f:64:1', '8c:1f:64:12:3'],
  ])('never overlap: %s is refused because of %s', async (text, other) => {
    expect(await add(text)).toEqual({ outcome: 'overlaps', other });
  });

  test('hold no multicast addresses', async () => {
    await expect(add('01:00:5e')).rejects.toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringMatching(/multicast/) as string,
    });
    await expect(
      ledger.current.sql(`select * from rock_mac.add_prefix('03', null, null, 'mallory')`),
    ).rejects.toMatchObject({ code: '23514' });
  });

  test('hold every pool: each lies under one of them', async () => {
    const { db } = ledger.current;
    expect(await definePool(db, aPool('old', '02:00:00:00:00:00', '02:ff:ff:ff:ff:ff'), 'test')).toBe('defined');
    expect(await definePool(db, aPool('small', '8c:1f:64:12:30:00', '8c:1f:64:12:30:ff'), 'test')).toBe('defined');
    expect(await definePool(db, aPool('beside', '8c:1f:64:12:2f:ff', '8c:1f:64:12:3f:ff'), 'test')).toBe(
      'outside_prefix',
    );
    expect(await definePool(db, aPool('both', '02:00:00:00:00:00', 'a4:58:0f:77:00:00'), 'test')).toBe(
      'outside_prefix',
    );
    expect(await growPool(db, 'small', mac('8c:1f:64:12:40:00'), 'test')).toBe('outside_prefix');
    expect(await growPool(db, 'small', mac('8c:1f:64:12:3f:ff'), 'test')).toBe('grown');
    expect((await takeAddress(ledger.current, aRequest({ key: 'old', pool: 'old' }))).mac).toBe('02:00:00:00:00:00');
    expect((await takeAddress(ledger.current, aRequest({ key: 's', pool: 'small' }))).mac).toBe('8c:1f:64:12:30:00');
  });

  test('are removed only without pools', async () => {
    const { db } = ledger.current;
    expect(await add('06:00')).toEqual({ outcome: 'added' });
    expect(await definePool(db, aPool('brief', '06:00:00:00:00:01', '06:00:00:00:00:02'), 'test')).toBe('defined');
    expect(await remove('06:00')).toEqual({ outcome: 'in_use', pool: 'brief' });
    expect(await remove('06')).toEqual({ outcome: 'prefix_not_found' });
    expect(await removePool(db, 'brief', 'test')).toBe('removed');
    expect(await remove('06:00')).toEqual({ outcome: 'removed' });
    expect(await prefixes()).not.toContain('06:00');
  });
});

describe('a prefix that is removed while a pool is defined under it', () => {
  beforeAll(() => add('0a'));

  test('stays if the pool was first, and is gone if it was not', async () => {
    const { url, db } = ledger.current;
    const second = openLedger({
      url,
      applicationName: 'second',
      max: 2,
      statementTimeoutMs: 5_000,
      connectTimeoutMs: 5_000,
    });
    const pool = aPool('raced', '0a:00:00:00:00:01', '0a:00:00:00:00:02');
    try {
      const removed = await db.transaction(async (transaction) => {
        expect(await definePool(transaction, pool, 'test')).toBe('defined');
        const removing = removePrefix(second, macPrefix('0a'), 'test');
        await untilLockWait(ledger.current);
        return { removing };
      });
      expect(await removed.removing).toEqual({ outcome: 'in_use', pool: 'raced' });
      expect(await removePool(db, 'raced', 'test')).toBe('removed');
      const defined = await db.transaction(async (transaction) => {
        expect(await removePrefix(transaction, macPrefix('0a'), 'test')).toEqual({ outcome: 'removed' });
        const defining = definePool(second, pool, 'test');
        await untilLockWait(ledger.current);
        return { defining };
      });
      expect(await defined.defining).toBe('outside_prefix');
      expect(await checkLedger(db)).toEqual([]);
    } finally {
      await second.close();
    }
  });
});

describe('a prefix that is added while clusters live', () => {
  const added = macPrefix('06:00');
  const take = (key: string) => requestAddress(ledger.current, aRequest({ key, pool: 'late' }));
  const look = async (clusterId: string, prefixes: Prefixes) =>
    markMissing(ledger.current.db, { clusterId, startedAt: await ledgerTime(ledger.current.db), prefixes, seen: [] });

  test('gives no address before every cluster has looked for its addresses', async () => {
    for (const clusterId of ['looks', 'is-gone']) await joinCluster(ledger.current.db, clusterId);
    await add('06:00');
    await definePool(ledger.current.db, aPool('late', '06:00:00:00:00:00', '06:00:00:00:00:ff'), 'ada');
    expect(await take('first')).toEqual({ outcome: 'prefix_not_seen' });
    await look('looks', [macPrefix('a4:58:0f')]);
    expect(await take('first')).toEqual({ outcome: 'prefix_not_seen' });
    await look('looks', [macPrefix('a4:58:0f'), added]);
    expect(await take('first')).toEqual({ outcome: 'prefix_not_seen' });
    await retireCluster(ledger.current.db, 'is-gone', 'ada');
    expect(await take('first')).toMatchObject({ outcome: 'allocated', mac: '06:00:00:00:00:00' });
  });

  test('does not wait for a cluster that registers later: that one records its addresses first', async () => {
    await joinCluster(ledger.current.db, 'later');
    expect(await take('second')).toMatchObject({ outcome: 'allocated' });
  });
});
