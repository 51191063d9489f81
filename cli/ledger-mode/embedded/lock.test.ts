import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { withLock } from './lock.ts';

test('actions on the same folder run one after the other, each once', async () => {
  let inside = 0;
  let most = 0;
  const done = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      withLock('/test/one', 10_000, async () => {
        inside++;
        most = Math.max(most, inside);
        await sleep(2);
        inside--;
        return index;
      }),
    ),
  );
  expect(most).toBe(1);
  expect(done).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});

test('actions on different folders run at the same time', async () => {
  await withLock('/test/two', 100, () => withLock('/test/three', 100, () => Promise.resolve()));
});

test('a failed action frees the lock, and a wait that is too long names the folder', async () => {
  await expect(withLock('/test/four', 100, () => Promise.reject(new Error('broken')))).rejects.toThrow('broken');
  await withLock('/test/four', 100, async () => {
    await expect(withLock('/test/four', 60, () => Promise.resolve())).rejects.toThrow(/using \/test\/four for 0\.06/);
  });
});
