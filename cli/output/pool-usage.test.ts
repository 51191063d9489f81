import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { usageTable } from './pool-usage.ts';

const pool = {
  pool: 'kubernetes',
  description: 'Pods and virtual machines in clusters',
  first: mac('a4:58:0f:05:00:00'),
  last: mac('a4:58:0f:05:ff:ff'),
  paused: false,
  active: 65_000,
  released: 12_345,
  reserved: 1,
  utilisation: 99.2,
};
const full = { ...pool, utilisation: 100 };

test.each([80, 100, 120, 200])('a table for %d columns is not wider', (columns) => {
  const lines = usageTable([pool, full], { columns, colours: false });
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(columns);
});

test('a wider terminal shows more of the description, then longer bars', () => {
  const [, , narrow = ''] = usageTable([pool], { columns: 80, colours: false });
  const [, , wide = ''] = usageTable([pool], { columns: 120, colours: false });
  expect(narrow).toContain('Pods and virtual m');
  expect(wide).toContain('Pods and virtual machines in ');
  expect(wide.match(/█/g)?.length).toBeGreaterThan(narrow.match(/█/g)?.length ?? 0);
});

test('a pool without counts has no bar', () => {
  const { pool: name, description, first, last, paused } = pool;
  const [, , row] = usageTable([{ pool: name, description, first, last, paused }], { columns: 80, colours: false });
  expect(row).toMatch(/^kubernetes +Pods \S.*… - +- +-$/);
});
