import { expect, test } from 'vitest';
import { parseMaxAddresses } from './max-addresses.ts';

test.each([
  ['10', 10],
  ['0', 0],
  ['', undefined],
  ['ten', 0],
  ['-1', 0],
  ['9999999999', 0],
])('the annotation %j limits a namespace to %s addresses', (text, expected) => {
  expect(parseMaxAddresses({ 'mac.rock-os.io/max-addresses': text })).toBe(expected);
});

test('a namespace without the annotation has no limit', () => {
  expect(parseMaxAddresses({})).toBeUndefined();
  expect(parseMaxAddresses(undefined)).toBeUndefined();
});
