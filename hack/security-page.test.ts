import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

/* The page on security says which test proves each countermeasure. */

const repository = path.join(import.meta.dirname, '..');
const page = readFileSync(path.join(repository, 'docs/security.md'), 'utf8');
const [, section = ''] = page.split('\n## Tests of these threats\n');
const [table = ''] = section.split('\n## ');
const rows = [...table.matchAll(/^\| (?!threat|-)(.+?) +\| (.+?) +\|$/gm)].map(
  ([, threat = '', proof = '']) => [threat, proof] as const,
);

test('the table of the page has its rows', () => {
  expect(rows.length).toBe(table.split('\n').filter((line) => line.startsWith('| ')).length - 2);
});

test.each(rows)('the tests against "%s" exist', (_, proof) => {
  const files = [...proof.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file);
  expect(files).not.toEqual([]);
  const texts = files.map((file) => readFileSync(path.join(repository, file), 'utf8'));
  const titles = texts.flatMap((text) => [...text.matchAll(/\(\s*(['`])(.+?)\1,\s*(?:async )?\(/g)]);
  for (const [, name = ''] of proof.matchAll(/"([^"]+)"/g)) {
    expect(
      titles.some(([, , title = '']) => title.includes(name)),
      name,
    ).toBe(true);
  }
});
