import { expect, test } from 'vitest';
import { mergePatch } from './merge-patch.ts';

test.each([
  ['a field that is missing afterwards is removed', { a: 1, b: 2 }, { a: 1 }, { a: 1, b: null }],
  ['also in an object below', { a: { b: 1, c: 2 } }, { a: { b: 3 } }, { a: { b: 3, c: null } }],
  ['a list is replaced as a whole', { a: [{ b: 1 }] }, { a: [{ c: 2 }] }, { a: [{ c: 2 }] }],
  ['an object replaces another value', { a: 1 }, { a: { b: 2 } }, { a: { b: 2 } }],
  ['a new object is written as it is', {}, { a: { b: 2 } }, { a: { b: 2 } }],
])('%s', (_, before, after, expected) => {
  expect(mergePatch(before, after)).toEqual(expected);
});
