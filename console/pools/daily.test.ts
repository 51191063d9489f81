import { expect, test } from 'vitest';
import { daysOf } from './daily.ts';

test('hours are summed up by days, and days without a change are there too', () => {
  const history = [
    { at: '2026-01-28T05:00:00.000Z', held: 10, handedOut: 10, released: 0 },
    { at: '2026-01-28T23:00:00.000Z', held: 12, handedOut: 3, released: 1 },
    { at: '2026-01-30T00:00:00.000Z', held: 11, handedOut: 0, released: 1 },
  ];
  expect(daysOf(history, 3, new Date('2026-01-30T12:00:00Z'))).toEqual([
    { at: new Date('2026-01-28T00:00:00Z'), held: 12, handedOut: 13, released: 1 },
    { at: new Date('2026-01-29T00:00:00Z'), held: 12, handedOut: 0, released: 0 },
    { at: new Date('2026-01-30T00:00:00Z'), held: 11, handedOut: 0, released: 1 },
  ]);
});
