import { expect, test } from 'vitest';
import type { StockInPool } from '../../ledger/stock/stock.ts';
import { createGoneHolders, holdersWithStock, isGone } from './gone-holders.ts';

const at = (minute: number) => new Date(Date.UTC(2026, 10, 30, 9, minute));

function aStock(id: string, changes: Partial<StockInPool> = {}): StockInPool {
  const holder = { clusterId: 'c1', id, podName: 'webhook-1', podUid: 'p1' };
  return { holder, pool: 'kubernetes', count: 10, sequence: 2, startedAt: at(0), seenAt: at(10), ...changes };
}

const MINUTE = 60_000;

test('only holders with addresses count, and each once', () => {
  const stocks = [aStock('a'), aStock('a', { pool: 'other' }), aStock('b', { pool: '', count: 0 })];
  expect(holdersWithStock(stocks).map(({ holder }) => holder.id)).toEqual(['a']);
});

const old = aStock('old');
test.each<[string, string | undefined, readonly StockInPool[], boolean]>([
  ['whose pod exists is not gone', 'p1', [], false],
  ['whose pod does not exist is gone', undefined, [], true],
  ['whose pod was made again under its name is gone', 'p2', [], true],
  ['is gone if a later process of its pod reports', 'p1', [aStock('new', { sequence: 3, seenAt: at(11) })], true],
  [
    'of which a later process has no stock yet is gone',
    'p1',
    [aStock('new', { pool: '', count: 0, sequence: 3, seenAt: at(11) })],
    true,
  ],
  ['that started later than another is not gone', 'p1', [aStock('new', { sequence: 1, seenAt: at(11) })], false],
  [
    'is gone if a later process of its pod reports, although the clock of the ledger went back before that one started',
    'p1',
    [aStock('new', { sequence: 3, startedAt: at(-5), seenAt: at(11) })],
    true,
  ],
  ['that reported later than another is not gone', 'p1', [aStock('new', { sequence: 3, seenAt: at(9) })], false],
  [
    'is not gone because of a process of another pod',
    'p1',
    [aStock('new', { holder: { ...old.holder, id: 'new', podUid: 'p2' }, sequence: 3, seenAt: at(11) })],
    false,
  ],
])('a holder %s', (_, podUid, others, want) => {
  expect(isGone(old, podUid, [old, ...others])).toBe(want);
});

test('a holder must have been gone for five minutes, without a break', () => {
  let now = 0;
  const gone = createGoneHolders(() => now);
  expect(gone.wasGone('h', 100 * MINUTE)).toBe(false);
  now = MINUTE;
  gone.update(['h']);
  now = 4 * MINUTE;
  gone.update(['h', 'other']);
  expect(gone.wasGone('h', 6 * MINUTE - 1)).toBe(false);
  expect(gone.wasGone('h', 6 * MINUTE)).toBe(true);
  expect(gone.wasGone('other', 6 * MINUTE)).toBe(false);
  gone.update(['other']);
  gone.update(['h']);
  expect(gone.wasGone('h', 8 * MINUTE)).toBe(false);
});
