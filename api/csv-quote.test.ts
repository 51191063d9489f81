import { expect, test } from 'vitest';
import { csvQuote } from './csv-quote.ts';

test.each([
  ['rack a7', 'rack a7'],
  ['a,b', '"a,b"'],
  ['the "first"', '"the ""first"""'],
  [' a', '" a"'],
  ['a ', '"a "'],
  ['', ''],
])('the cell %j is written as %s', (text, cell) => {
  expect(csvQuote(text)).toBe(cell);
});
