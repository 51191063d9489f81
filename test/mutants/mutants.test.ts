import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { MUTANTS, mutate } from './mutants.ts';

const ROOT = path.join(import.meta.dirname, '..', '..');
const TITLE = /(?:\b(?:test|describe)|\]\)|\))\(\s*(['"`])((?:(?!\1)[^\\]|\\.)*)\1,/g;

/** Returns the titles of groups and tests in a file, in their order. */
async function titlesOf(file: string): Promise<string[]> {
  const text = await readFile(path.join(ROOT, 'test', 'integration', `${file}.test.ts`), 'utf8');
  return [...text.matchAll(TITLE)].map(([, , title = '']) => title.replaceAll("\\'", "'"));
}

test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))('the mutant "%s" applies', async (_, mutant) => {
  const text = await readFile(path.join(ROOT, mutant.file), 'utf8');
  expect(mutate(text, mutant)).not.toBe(text);
});

test.each(MUTANTS.map(({ name, caughtBy }) => [name, ...caughtBy] as const))(
  'the mutant "%s" names a test of %s',
  async (_, file, begin) => {
    const titles = await titlesOf(file);
    const names = [...titles, ...titles.flatMap((group) => titles.map((title) => `${group} ${title}`))];
    expect(names.some((name) => name.startsWith(begin))).toBe(true);
  },
);
