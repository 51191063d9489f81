import { expect, test } from 'vitest';
import { createStringInterner } from './string-interning.ts';

test('a string is returned unchanged', () => {
  const intern = createStringInterner();
  expect(['a', 'b', 'a', ''].map(intern)).toEqual(['a', 'b', 'a', '']);
});

test('a full table is cleared and filled again', () => {
  const intern = createStringInterner(2);
  const texts = Array.from({ length: 1_000 }, (_, index) => `text-${String(index % 3)}`);
  expect(texts.map(intern)).toEqual(texts);
});
