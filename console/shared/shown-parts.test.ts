import { expect, test } from 'vitest';
import { shownParts } from './shown-parts.ts';

const textOf = (text: string) => shownParts(text).map((part) => (part.hidden ? `[${part.text}]` : part.text));

test.each([
  ['a name', ['a name']],
  ['naïve', ['naïve']],
  ['Việt Nam'.normalize('NFD'), ['Việt Nam'.normalize('NFD')]],
  ['', []],
  ['a\u202Eb', ['a', '[U+202E]', 'b']],
  [
    `Z${'\u0301'.repeat(1_000)}b${'\u0302'.repeat(5)}`,
    ['Z\u0301\u0301\u0301\u0301', '[+996 marks]', 'b\u0302\u0302\u0302\u0302', '[+1 mark]'],
  ],
])('%j is shown as %j', (text, shown) => {
  expect(textOf(text)).toEqual(shown);
});
