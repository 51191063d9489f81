import { expect, test } from 'vitest';
import { readOwner } from './read-owner.ts';

test.each([
  ['web-1', { name: 'web-1' }],
  ['shop/web-1', { namespace: 'shop', name: 'web-1' }],
  ['Pod/shop/web-1', { kind: 'Pod', namespace: 'shop', name: 'web-1' }],
])('%s names an object', (text, wanted) => {
  expect(readOwner(text)).toEqual(wanted);
});

test.each(['', '/web-1', 'shop/', 'a/b/c/d'])('%j names none', (text) => {
  expect(() => readOwner(text)).toThrow(/names no object/);
});
