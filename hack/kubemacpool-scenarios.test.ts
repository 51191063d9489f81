import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

/* Each scenario of docs/kubemacpool-scenarios.md is shown by the test that the page names. */

const docs = path.join(import.meta.dirname, '..', 'docs');
const page = readFileSync(path.join(docs, 'kubemacpool-scenarios.md'), 'utf8');
const rows = [...page.matchAll(/^\| (\d+|–) +\| (.+?) +\| \[.+?\]\((.+?)\) +\| (.+?) +\|$/gm)].map(
  ([, number = '', scenario = '', file = '', title = '']) => ({ number, scenario, file, title }),
);

test('the page has the scenarios 1 to 50 once each, and in this order', () => {
  const numbers = rows.map(({ number }) => number).filter((number) => number !== '–');
  expect(numbers).toEqual(Array.from({ length: 50 }, (_, index) => String(index + 1)));
});

test.each(rows)('scenario $number, "$scenario", has the test that the page names', ({ file, title }) => {
  const test = path.join(docs, file);
  expect(existsSync(test), file).toBe(true);
  // Only whole literals count: a title that was changed at its end would be found otherwise.
  const literals = ["'", '"', '`'].map((quote) => `${quote}${title}${quote}`);
  const source = readFileSync(test, 'utf8');
  expect(
    literals.some((literal) => source.includes(literal)),
    `${title} in ${file}`,
  ).toBe(true);
});
