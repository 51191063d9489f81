import { expect, test } from 'vitest';
import { createSharedTexts } from './string-interning.ts';

test('a text is given back as it is', () => {
  const share = createSharedTexts();
  expect(['a', 'b', 'a', ''].map(share)).toEqual(['a', 'b', 'a', '']);
});

test('as many are remembered as there is room for, and then it begins anew', () => {
  const share = createSharedTexts(2);
  const texts = Array.from({ length: 1_000 }, (_, index) => `text-${String(index % 3)}`);
  expect(texts.map(share)).toEqual(texts);
});
