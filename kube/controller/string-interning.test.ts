import { expect, test } from 'vitest';
import { createStringInterner } from './string-interning.ts';

test('a text is given back as it is', () => {
  const intern = createStringInterner();
  expect(['a', 'b', 'a', ''].map(intern)).toEqual(['a', 'b', 'a', '']);
});

test('as many are remembered as there is room for, and then it begins anew', () => {
  const intern = createStringInterner(2);
  const texts = Array.from({ length: 1_000 }, (_, index) => `text-${String(index % 3)}`);
  expect(texts.map(intern)).toEqual(texts);
});
