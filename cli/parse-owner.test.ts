import { expect, test } from 'vitest';
import { objectNamed, parseOwner } from './parse-owner.ts';

test.each([
  ['web-1', { name: 'web-1' }],
  ['shop/web-1', { namespace: 'shop', name: 'web-1' }],
  ['Pod/shop/web-1', { kind: 'Pod', namespace: 'shop', name: 'web-1' }],
])('%s is parsed as an object', (text, wanted) => {
  expect(parseOwner(text)).toEqual(wanted);
});

test.each(['', '/web-1', 'shop/', 'a/b/c/d'])('%j is refused', (text) => {
  expect(() => parseOwner(text)).toThrow(/names no object/);
});

test.each([
  ['web', { name: 'web' }],
  ['default/web', { namespace: 'default', name: 'web' }],
  ['Pod/default/web', { kind: 'Pod', namespace: 'default', name: 'web' }],
])('the argument %s can name an object', (text, wanted) => {
  expect(objectNamed(text)).toEqual(wanted);
});

test.each(['', '/', 'a//b', 'a/b/c/d'])('the argument %j names no object, and is no error', (text) => {
  expect(objectNamed(text)).toBeUndefined();
});
