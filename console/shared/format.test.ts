import { expect, test } from 'vitest';
import { formatCount, formatPercent, formatPeriod, formatRelative } from './format.ts';

test('a number has its noun in the right form', () => {
  expect(formatCount(1, 'address', 'addresses')).toBe('1 address');
  expect(formatCount(65_536, 'address', 'addresses')).toBe('65,536 addresses');
});

test.each([
  [0, '0 %'],
  [0.004, '< 0.1 %'],
  [4.26, '4.3 %'],
  [75, '75 %'],
  [99.99, '> 99.9 %'],
  [100, '100 %'],
])('%d percent is shown as %s', (percent, text) => {
  expect(formatPercent(percent)).toBe(text);
});

test.each([
  [59, '59 seconds'],
  [3_700, '1 hour'],
  [200_000, '2 days'],
  [80_000_000, '2 years'],
])('%d seconds are shown as %s', (seconds, text) => {
  expect(formatPeriod(seconds)).toBe(text);
});

test('a moment is shown by its distance', () => {
  const now = new Date('2026-01-31T12:00:00Z');
  expect(formatRelative('2026-01-31T11:00:00Z', now)).toBe('1 hour ago');
  expect(formatRelative('2026-01-31T12:05:00Z', now)).toBe('in 5 minutes');
  expect(formatRelative('2026-01-31T12:00:01Z', now)).toBe('just now');
});
