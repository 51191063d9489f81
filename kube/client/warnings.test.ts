import { expect, test } from 'vitest';
import { parseWarnings } from './warnings.ts';

test.each([
  [undefined, []],
  ['299 - "one"', ['one']],
  [
    ['299 - "one"', '299 - "two, with a comma"'],
    ['one', 'two, with a comma'],
  ],
  ['299 - "one", 299 - "two"', ['one', 'two']],
  [String.raw`299 - "a \"word\" and a \\"`, [String.raw`a "word" and a \ `.trim()]],
  ['rubbish', []],
])('the header %j has the warnings %j', (header, warnings) => {
  expect(parseWarnings(header)).toEqual(warnings);
});
