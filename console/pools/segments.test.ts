import { expect, test } from 'vitest';
import { levelOf, segmentsOf } from './segments.ts';

const POOL = { pool: 'docker', description: '', first: 'a4:58:0f:05:00:00', last: 'a4:58:0f:05:00:ff', paused: false };

test('the parts of a bar are shares of the capacity, without empty ones', () => {
  const pool = { ...POOL, capacity: 200, active: 50, pending: 0, reserved: 2, waiting: 10, free: 138 };
  expect(segmentsOf(pool)).toEqual([
    { state: 'active', count: 50, percent: 25 },
    { state: 'reserved', count: 2, percent: 1 },
    { state: 'waiting', count: 10, percent: 5 },
  ]);
});

test('an observed address is not counted again among those that wait', () => {
  const states = segmentsOf({ ...POOL, capacity: 100, observed: 3, waiting: 3 }).map(({ state }) => state);
  expect(states).toEqual(['observed']);
});

test('a pool without counts has no bar', () => {
  expect(segmentsOf(POOL)).toEqual([]);
});

test.each([
  [undefined, 'normal'],
  [74.99, 'normal'],
  [75, 'high'],
  [89.9, 'high'],
  [90, 'critical'],
] as const)('at %s percent a pool is %s', (percent, level) => {
  expect(levelOf(percent)).toBe(level);
});
