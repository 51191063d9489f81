import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTokenBucket } from './token-bucket.ts';

const options = fc.record({
  capacity: fc.integer({ min: 1, max: 5_000 }),
  perSecond: fc.integer({ min: 1, max: 500 }),
});
const steps = fc.array(
  fc.record({ waitMs: fc.integer({ min: 0, max: 5_000 }), count: fc.integer({ min: 0, max: 500 }) }),
  { maxLength: 200 },
);

test('a bucket gives at most its capacity and what it gained since', () => {
  fc.assert(
    fc.property(options, steps, ({ capacity, perSecond }, requests) => {
      let now = 0;
      let taken = 0;
      const bucket = createTokenBucket({ capacity, perSecond }, () => now);
      for (const { waitMs, count } of requests) {
        now += waitMs;
        if (bucket.take(count)) taken += count;
        // The sums of fractions differ a little from their product.
        expect(taken).toBeLessThanOrEqual(capacity + (now / 1_000) * perSecond + 1e-6);
      }
    }),
  );
});

test('a bucket refuses only what is above its capacity and what it gained since', () => {
  fc.assert(
    fc.property(options, steps, ({ capacity, perSecond }, requests) => {
      let now = 0;
      let expected = capacity;
      const bucket = createTokenBucket({ capacity, perSecond }, () => now);
      for (const { waitMs, count } of requests) {
        now += waitMs;
        expected = Math.min(capacity, expected + (waitMs / 1_000) * perSecond);
        const isTaken = bucket.take(count);
        if (Math.abs(count - expected) > 1e-6) expect(isTaken).toBe(count < expected);
        if (isTaken) expected -= count;
      }
    }),
  );
});

test('a refused request takes no token', () => {
  const bucket = createTokenBucket({ capacity: 10, perSecond: 1 }, () => 0);
  expect(bucket.take(11)).toBe(false);
  expect(bucket.take(10)).toBe(true);
  expect(bucket.take(1)).toBe(false);
});
