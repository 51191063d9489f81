import { expect, test } from 'vitest';
import { systemClock } from '../time/clock.ts';
import { sleep } from '../time/sleep.ts';
import { inParallel } from './in-parallel.ts';

test('work runs for every item, at most so many at a time, and the results keep the order of the items', async () => {
  let running = 0;
  let most = 0;
  const results = await inParallel([30, 1, 20, 1, 10], 2, async (ms) => {
    most = Math.max(most, ++running);
    await sleep(ms, systemClock);
    running--;
    return ms * 2;
  });
  expect(results).toEqual([60, 2, 40, 2, 20]);
  expect(most).toBe(2);
});

test('a failure is thrown', async () => {
  await expect(
    inParallel([1, 2], 2, (n) => (n === 2 ? Promise.reject(new Error('two')) : Promise.resolve(n))),
  ).rejects.toThrow('two');
});
