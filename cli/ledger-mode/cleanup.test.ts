import { expect, test } from 'vitest';
import { isTooMany } from './cleanup.ts';

test.each([
  [50, 50, false],
  [51, 51, true],
  [51, 1_019, true],
  [51, 1_020, false],
  [500, 10_000, false],
  [501, 10_000, true],
])('the guard for %d expired of %d held addresses: %s', (expired, held, wanted) => {
  expect(isTooMany({ pool: 'development', expired, held })).toBe(wanted);
});
