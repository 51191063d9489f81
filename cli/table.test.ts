import { expect, test } from 'vitest';
import { formatMinutes, formatTable } from './table.ts';

const COLUMNS = [
  { head: 'MAC Address', width: 20 },
  { head: 'Pool', width: 12 },
  { head: 'Allocated At', width: 16 },
];

test('columns stand where scripts cut them, below a line of 80 dashes', () => {
  expect(formatTable(COLUMNS, [['a4:58:0f:01:00:00', 'development', '2026-01-31 09:05']]).split('\n')).toEqual([
    'MAC Address          Pool         Allocated At',
    '-'.repeat(80),
    'a4:58:0f:01:00:00    development  2026-01-31 09:05',
  ]);
});

test('a text that is too long for its column keeps its end', () => {
  expect(formatTable(COLUMNS, [['x'.repeat(30), 'p', 'q']])).toContain(`${'x'.repeat(30)} p            q`);
});

test('times are shown to the minute', () => {
  expect(formatMinutes(new Date(2026, 0, 3, 4, 5, 59))).toBe('2026-01-03 04:05');
});
