import { expect, test } from 'vitest';
import { csvLines, csvOf } from './csv.ts';

test('a row is one line, and a cell with a comma, a quote or outer blanks is quoted', () => {
  const rows = [
    { name: 'a,b', at: new Date(0), more: { rack: 'a7' } },
    { name: ' say "hi"', at: undefined, more: [1] },
    { name: 'two\nlines', at: null, more: true },
  ];
  expect(csvLines(csvOf(rows, ['name', 'at', 'more']))).toEqual([
    'name,at,more',
    '"a,b",1970-01-01T00:00:00.000Z,"{""rack"":""a7""}"',
    '" say ""hi""",,[1]',
    'two\\x0alines,,true',
  ]);
});
