import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CLAIM_LIMIT, createReviewLimits, MAX_NAMESPACES, NAMESPACE_LIMIT, TOTAL_LIMIT } from './review-limits.ts';

const addresses = (count: number) => ({ addresses: count, claims: 0 });

test('500 pods with three interfaces each pass at once in one namespace', () => {
  const limits = createReviewLimits(() => 0);
  for (let pod = 0; pod < 500; pod++) {
    // The review, and then its addresses.
    expect(limits.enter('shop')).toBe(true);
    expect(limits.take('shop', addresses(3))).toBe(true);
  }
});

test('500 virtual machines with a claim each pass at once, and then five a second', () => {
  let now = 0;
  const limits = createReviewLimits(() => now);
  const use = () => limits.take('shop', { addresses: 1, claims: 1 });
  for (let machine = 0; machine < CLAIM_LIMIT.capacity; machine++) expect(use()).toBe(true);
  expect(use()).toBe(false);
  now += 1_000;
  expect([use(), use(), use(), use(), use(), use()]).toEqual([true, true, true, true, true, false]);
  // Addresses of the pool are not affected.
  expect(limits.take('shop', addresses(64))).toBe(true);
});

test('a namespace over its limit does not slow another one', () => {
  const limits = createReviewLimits(() => 0);
  while (limits.take('loud', addresses(64)));
  for (let again = 0; again < 10_000; again++) limits.take('loud', addresses(64));
  expect(limits.take('quiet', addresses(NAMESPACE_LIMIT.capacity))).toBe(true);
});

test('all namespaces together get no more than the total', () => {
  const request = fc.record({
    namespace: fc.integer({ min: 0, max: 50 }),
    tokens: fc.integer({ min: 1, max: 64 }),
    waitMs: fc.integer({ min: 0, max: 20 }),
  });
  fc.assert(
    fc.property(fc.array(request, { minLength: 500, maxLength: 1_000 }), (requests) => {
      let now = 0;
      let taken = 0;
      const limits = createReviewLimits(() => now);
      for (const { namespace, tokens, waitMs } of requests) {
        now += waitMs;
        if (limits.take(String(namespace), addresses(tokens))) taken += tokens;
      }
      expect(taken).toBeLessThanOrEqual(TOTAL_LIMIT.capacity + (now / 1_000) * TOTAL_LIMIT.perSecond + 1e-6);
    }),
    { numRuns: 20 },
  );
});

test('the limits of the namespaces that were used least recently are forgotten, so memory is bounded', () => {
  let now = 0;
  const limits = createReviewLimits(() => now);
  const useUp = (namespace: string) => {
    while (limits.take(namespace, addresses(64)));
  };
  useUp('first');
  for (let each = 1; each < MAX_NAMESPACES; each++) limits.take(`namespace-${String(each)}`, addresses(1));
  // Enough for all namespaces together, but not for one that is remembered.
  now += 10;
  expect(limits.take('first', addresses(3))).toBe(false);
  for (let each = 0; each < MAX_NAMESPACES; each++) limits.take(`other-${String(each)}`, addresses(0));
  expect(limits.take('first', addresses(3))).toBe(true);
});
