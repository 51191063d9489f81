import { expect, test } from 'vitest';
import { progressLine } from './progress.ts';

test.each([
  ['the first rows', 500, 20, 'Read 500 of 200,000 rows'],
  ['a running command', 16_000, 2_000, 'Read 16,000 of 200,000 rows, 8,000 rows/s, 23s left'],
  ['a slow command', 1_000, 100_000, 'Read 1,000 of 200,000 rows, 10 rows/s, 5h31m40s left'],
  ['the last rows', 200_000, 25_000, 'Read 200,000 of 200,000 rows, 8,000 rows/s, 0s left'],
])('%s', (_, done, elapsedMs, wanted) => {
  expect(progressLine('Read', done, 200_000, elapsedMs)).toBe(wanted);
});
