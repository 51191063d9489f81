import { describe, expect, test } from 'vitest';
import { groupCalls } from './group-calls.ts';

/** Doubles numbers. Each group waits until it is answered. */
function doubling(limit = 10) {
  const groups: (readonly number[])[] = [];
  const answers: ((error?: Error) => void)[] = [];
  const call = groupCalls(async (items: readonly number[]) => {
    groups.push(items);
    await new Promise<void>((resolve, reject) => {
      answers.push((error) => {
        if (error === undefined) resolve();
        else reject(error);
      });
    });
    return items.map((item) => item * 2);
  }, limit);
  const answer = async (error?: Error) => {
    await expect.poll(() => answers.length, { interval: 1 }).toBeGreaterThan(0);
    answers.shift()?.(error);
  };
  return { call, groups, answer };
}

describe('calls for single items', () => {
  test('are sent together while an earlier group is under way, each with its own output', async () => {
    const { call, groups, answer } = doubling();
    const first = call(1);
    await expect.poll(() => groups.length, { interval: 1 }).toBe(1);
    const later = [call(2), call(3)];
    await answer();
    expect(await first).toBe(2);
    await answer();
    expect(await Promise.all(later)).toEqual([4, 6]);
    expect(groups).toEqual([[1], [2, 3]]);
  });

  test('are sent together if they were made in the same turn', async () => {
    const { call, groups, answer } = doubling();
    const calls = [call(1), call(2)];
    await answer();
    expect(await Promise.all(calls)).toEqual([2, 4]);
    expect(groups).toEqual([[1, 2]]);
  });

  test('are sent in groups of limited size', async () => {
    const { call, groups, answer } = doubling(2);
    const calls = [1, 2, 3, 4, 5].map(call);
    for (let group = 0; group < 3; group++) await answer();
    expect(await Promise.all(calls)).toEqual([2, 4, 6, 8, 10]);
    expect(groups).toEqual([[1, 2], [3, 4], [5]]);
  });

  test('fail with their group only', async () => {
    const { call, answer } = doubling(1);
    const calls = [call(1), call(2)];
    await answer(new Error('no connection'));
    await answer();
    expect(await Promise.allSettled(calls)).toMatchObject([
      { status: 'rejected', reason: { message: 'no connection' } },
      { status: 'fulfilled', value: 4 },
    ]);
  });

  test('fail if the outputs do not match the items', async () => {
    const call = groupCalls(() => Promise.resolve([]), 10);
    await expect(call(1)).rejects.toThrow('1 items were sent, and 0 outputs came back');
  });
});
