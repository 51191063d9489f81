import { expect, test } from 'vitest';
import { formatShare } from './publish-counts.ts';

test.each([
  [0, 65_536, '0%'],
  [2, 65_536, '<0.01%'],
  [8_192, 65_536, '12.5%'],
  [65_535, 65_536, '100%'],
  [1, 3, '33.33%'],
])('%i of %i addresses is %s', (held, capacity, share) => {
  expect(formatShare(held, capacity)).toBe(share);
});
