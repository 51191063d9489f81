import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffCeilingMs, backoffMs } from './backoff.ts';

const options = { baseMs: 100, maxMs: 5_000 };

describe('the backoff', () => {
  test('doubles its ceiling from the base up to the maximum', () => {
    expect([0, 1, 2, 5, 6, 60, 5000].map((attempt) => backoffCeilingMs(attempt, options))).toEqual([
      100, 200, 400, 3_200, 5_000, 5_000, 5_000,
    ]);
  });

  test('is a random time between 0 and the ceiling', () => {
    expect(backoffMs(2, options, () => 0)).toBe(0);
    expect(backoffMs(2, options, () => 0.5)).toBe(200);
    fc.assert(
      fc.property(fc.nat(2000), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (attempt, random) => {
        const wait = backoffMs(attempt, options, () => random);
        expect(wait).toBeGreaterThanOrEqual(0);
        expect(wait).toBeLessThanOrEqual(options.maxMs);
      }),
    );
  });
});
