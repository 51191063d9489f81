import { expect, test } from 'vitest';
import { formatDistance, formatMinutes } from './time.ts';

test('times are formatted to the minute', () => {
  expect(formatMinutes(new Date(2026, 0, 3, 4, 5, 59))).toBe('2026-01-03 04:05');
});

test.each([
  [0, '0s'],
  [59, '59s'],
  [90, '1m30s'],
  [120, '2m'],
  [7_200, '2h'],
  [100_000, '1d3h'],
  [7 * 86_400 - 5, '6d23h'], // not "6d", which is a day less
  [7 * 86_400, '7d'],
  [30 * 86_400 + 59, '30d'],
])('%d seconds are formatted as %s', (seconds, wanted) => {
  expect(formatDistance(new Date(0), new Date(seconds * 1_000))).toBe(wanted);
});
