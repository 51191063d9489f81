import { describe, expect, test } from 'vitest';
import { createBudget } from './budget.ts';

/** Long enough for every request that does not have to wait, and short enough for a test. */
const WAIT_MS = 20;

describe('a budget', () => {
  test('lets small requests run together, and a large one after them', async () => {
    const budget = createBudget(10);
    const [first, second] = await Promise.all([budget.take(4, WAIT_MS), budget.take(4, WAIT_MS)]);
    expect(await budget.take(4, WAIT_MS)).toBeUndefined();
    const large = budget.take(8, 1_000);
    first?.();
    second?.();
    expect(await large).toBeTypeOf('function');
  });

  test('lets no request overtake a large one that waits', async () => {
    const budget = createBudget(10);
    const first = await budget.take(5, WAIT_MS);
    const order: string[] = [];
    const large = budget.take(10, 1_000).then((putBack) => {
      order.push('large');
      putBack?.();
    });
    const small = budget.take(1, 1_000).then(() => order.push('small'));
    first?.();
    await Promise.all([large, small]);
    expect(order).toEqual(['large', 'small']);
  });

  test('continues with the next request when a large one times out', async () => {
    const budget = createBudget(10);
    await budget.take(5, WAIT_MS);
    const large = budget.take(10, WAIT_MS);
    const small = budget.take(1, 1_000);
    expect(await large).toBeUndefined();
    expect(await small).toBeTypeOf('function');
  });

  test('refuses at once a request that is larger than the whole budget', async () => {
    expect(await createBudget(10).take(11, 60_000)).toBeUndefined();
  });

  test('counts a part that is put back twice only once', async () => {
    const budget = createBudget(10);
    const first = await budget.take(10, WAIT_MS);
    first?.();
    first?.();
    await budget.take(10, WAIT_MS);
    expect(await budget.take(1, WAIT_MS)).toBeUndefined();
  });
});
