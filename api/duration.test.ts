import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatDuration, parseDuration } from './duration.ts';

test.each([
  ['48h', 172_800],
  ['7d', 604_800],
  ['1d12h', 129_600],
  ['90s', 90],
  ['1h30m', 5_400],
  ['0s', 0],
])('%s is %i seconds', (text, seconds) => {
  expect(parseDuration(text)).toBe(seconds);
});

test.each(['', '48', 'h', '-1h', '1.5h', '1w', '48h ', '1H', '9999999h'])('%j is not a duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test('a formatted duration parses to the same number of seconds', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10_000_000 }), (seconds) => {
      expect(parseDuration(formatDuration(seconds))).toBe(seconds);
    }),
  );
});
