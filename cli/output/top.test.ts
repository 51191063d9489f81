import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { ratesOf, type Sample, topLines } from './top.ts';

function sample(
  seconds: number,
  totals: { readonly totalAllocated?: number; readonly totalReleased?: number },
): Sample {
  const pool = {
    ...{
      pool: 'docker',
      description: '',
      first: mac('a4:58:0f:04:00:00'),
      last: mac('a4:58:0f:04:00:ff'),
      paused: false,
    },
    ...{ capacity: 256, active: 200, pending: 3, free: 50, waiting: 3, utilisation: 80.47 },
  };
  return { pools: [{ ...pool, ...totals }], at: new Date(seconds * 1_000) };
}

const before = sample(10, { totalAllocated: 1_000, totalReleased: 900 });
const after = sample(15, { totalAllocated: 1_050, totalReleased: 902 });

test('rates are addresses per second between two samples', () => {
  expect(ratesOf('docker', before, after)).toEqual({ handedOut: 10, released: 0.4 });
});

test.each([
  ['the first sample', undefined, after],
  ['counts without totals', sample(10, {}), sample(15, {})],
  ['two samples of one moment', after, after],
])('%s has no rates', (_, first, second) => {
  expect(ratesOf('docker', first, second)).toBeUndefined();
});

test('a screen has the totals and a row for each pool', () => {
  const [head, , columns, line, row] = topLines(before, after, { columns: 80, colours: false });
  expect(head).toBe('00:00:15 UTC: 203 of 256 addresses held, 10.0 handed out/s, 0.4 released/s');
  expect(columns).toBe('Pool       Held    Free    Waiting Out/s   Back/s  Use');
  expect(line).toHaveLength(80);
  expect(row).toMatch(/^docker {5}203 {5}50 {6}3 {7}10\.0 {4}0\.4 {5}█+░+ 80%$/);
});

test.each([60, 80, 100, 200])('a screen of %d columns is not wider, apart from the line', (columns) => {
  const lines = topLines(before, after, { columns: Math.max(columns, 80), colours: false });
  expect(Math.max(...lines.map((text) => text.length))).toBeLessThanOrEqual(Math.max(columns, 80));
});
