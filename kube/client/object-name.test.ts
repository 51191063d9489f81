import { expect, test } from 'vitest';
import { isObjectName } from './object-name.ts';

test.each([
  ['web', true],
  ['web-0.front', true],
  ['x'.repeat(253), true],
  ['x'.repeat(254), false],
  ['', false],
  ['..', false],
  ['a/b', false],
  ['a%2fb', false],
  ['Web', false],
])('%j can be the name of an object: %s', (text, wanted) => {
  expect(isObjectName(text)).toBe(wanted);
});
