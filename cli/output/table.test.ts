import { expect, test } from 'vitest';
import { formatPlain, formatTable } from './table.ts';

const COLUMNS = [
  { head: 'MAC Address', width: 20 },
  { head: 'Pool', width: 12 },
  { head: 'Allocated At', width: 16 },
];

test('columns are at the positions that scripts cut, below a line of 80 dashes', () => {
  expect(formatTable(COLUMNS, [['a4:58:0f:01:00:00', 'development', '2026-01-31 09:05']])).toEqual([
    'MAC Address          Pool         Allocated At',
    '-'.repeat(80),
    'a4:58:0f:01:00:00    development  2026-01-31 09:05',
  ]);
});

test('a cell that is too long is not truncated', () => {
  expect(formatTable(COLUMNS, [['x'.repeat(30), 'p', 'q']])[2]).toBe(`${'x'.repeat(30)} p            q`);
});

test('a plain table is as wide as its content', () => {
  expect(formatPlain(['NAME', 'FREE'], [['development', '65536']])).toEqual([
    'NAME          FREE',
    'development   65536',
  ]);
});

test('control characters in names are escaped', () => {
  const cells = ['a\nb', '\x1b[2J\r\t', 'ü – 名'];
  expect(formatTable(COLUMNS, [cells])[2]).toBe('a\\x0ab               \\x1b[2J\\x0d\\x09 ü – 名');
  expect(formatPlain(['A', 'B', 'C'], [cells])).toHaveLength(2);
});

test('characters that nobody sees, or that turn the direction of a line, are escaped', () => {
  const cells = ['vm-\u202etsop\u202c', 'a\u200bb\u2028c', '\ud800'];
  expect(formatTable(COLUMNS, [cells])[2]).toBe('vm-\\u{202e}tsop\\u{202c} a\\u{200b}b\\u{2028}c \\u{d800}');
});
