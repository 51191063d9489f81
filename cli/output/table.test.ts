import { expect, test } from 'vitest';
import { formatPlain, formatTable } from './table.ts';

const COLUMNS = [
  { head: 'MAC Address', width: 20 },
  { head: 'Pool', width: 12 },
  { head: 'Allocated At', width: 16 },
];

test('columns stand where scripts cut them, below a line of 80 dashes', () => {
  expect(formatTable(COLUMNS, [['a4:58:0f:01:00:00', 'development', '2026-01-31 09:05']])).toEqual([
    'MAC Address          Pool         Allocated At',
    '-'.repeat(80),
    'a4:58:0f:01:00:00    development  2026-01-31 09:05',
  ]);
});

test('a text that is too long for its column keeps its end', () => {
  expect(formatTable(COLUMNS, [['x'.repeat(30), 'p', 'q']])[2]).toBe(`${'x'.repeat(30)} p            q`);
});

test('a plain table is as wide as its content', () => {
  expect(formatPlain(['NAME', 'FREE'], [['development', '65536']])).toEqual([
    'NAME          FREE',
    'development   65536',
  ]);
});
