import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createObservationBudget } from './observation-budget.ts';

function budget() {
  let ms = 0;
  const bucket = createObservationBudget(() => ms);
  const take = (namespace: string, kind: 'ours' | 'outside' = 'ours') => bucket.take(namespace, kind);
  const takeMany = (namespace: string, count: number) =>
    Array.from({ length: count }, () => take(namespace)).filter(Boolean).length;
  return { take, takeMany, pass: (passed: number) => (ms += passed) };
}

test('a namespace gets its budget, and then what an hour refills', () => {
  const { takeMany, pass } = budget();
  expect(takeMany('bob', 2_000)).toBe(1_024);
  pass(1_800_000);
  expect(takeMany('bob', 2_000)).toBe(512);
  pass(36_000_000);
  expect(takeMany('bob', 2_000)).toBe(1_024);
});

test('addresses of other prefixes have a budget of their own', () => {
  const { take, takeMany } = budget();
  takeMany('bob', 2_000);
  const taken = Array.from({ length: 10_000 }, () => take('bob', 'outside')).filter(Boolean);
  expect(taken).toHaveLength(8_192);
  expect(take('bob')).toBe(false);
});

test('one namespace takes nothing from another', () => {
  const { take, takeMany } = budget();
  takeMany('bob', 5_000);
  expect(take('bob')).toBe(false);
  expect(take('alice')).toBe(true);
});

test('no sequence of requests gets more than the budget and its refill', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(600_000), fc.nat(300)), { maxLength: 50 }), (steps) => {
      const { takeMany, pass } = budget();
      let taken = 0;
      let passed = 0;
      for (const [ms, count] of steps) {
        pass(ms);
        passed += ms;
        taken += takeMany('bob', count);
      }
      expect(taken).toBeLessThanOrEqual(Math.ceil(1_024 + (passed * 1_024) / 3_600_000));
    }),
  );
});
