import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

/*
 * One word for one thing (docs/glossary.md): these words had another one, or are not plain English. Identifiers count as
 * words too: `firstContact`, `FIRST_CONTACT` and `first-contact` all read "first contact".
 */

interface DeniedWord {
  /** A pattern for whole words, in lower case. */
  readonly word: string;
  readonly use: string;
}

const DENIED: readonly DeniedWord[] = [
  { word: 'shared texts?', use: 'string interning' },
  { word: 'metered', use: 'instrumented' },
  { word: 'certificate keeper|certificate plan', use: 'certificate rotator, rotation step' },
  { word: 'called server|token gate', use: 'API-facing server, authentication filter' },
  { word: 'incarnations?', use: 'epoch' },
  { word: 'lost tail', use: 'replication gap' },
  { word: 'narrators?|tally', use: 'reporter, summary' },
  { word: 'in every doubt', use: 'in doubt' },
];

interface Allowance {
  readonly files: RegExp;
  readonly words?: readonly string[];
  readonly why: string;
}

const ALLOWANCES: readonly Allowance[] = [
  { files: /^CHANGELOG\.md$/, why: 'it names what was renamed' },
  { files: /^hack\/words\.test\.ts$/, why: 'it lists the words' },
];

const repository = path.join(import.meta.dirname, '..');
const files = globSync('**/*.{ts,sql,md,yaml,tpl}', {
  cwd: repository,
  exclude: (name) => ['node_modules', 'build', 'coverage'].includes(name),
}).sort();

test.each(DENIED)('nobody writes "$word" (use: $use)', ({ word }) => {
  expect(files.filter((file) => !isAllowed(file, word)).flatMap((file) => linesWith(word, file))).toEqual([]);
});

function isAllowed(file: string, word: string): boolean {
  return ALLOWANCES.some(({ files: pattern, words }) => pattern.test(file) && words?.includes(word) !== false);
}

const wordsOfFile = new Map<string, readonly string[]>();

/** Returns `file:line` of each place where the word is. A phrase may continue on the next line. */
function linesWith(word: string, file: string): string[] {
  const lines = wordsOfFile.get(file) ?? readFileSync(path.join(repository, file), 'utf8').split('\n').map(plainWords);
  wordsOfFile.set(file, lines);
  const pattern = new RegExp(`\\b(?:${word})\\b`);
  return lines.flatMap((line, index) => {
    const match = pattern.exec(`${line} ${lines[index + 1] ?? ''}`);
    return match !== null && match.index < line.length ? [`${file}:${String(index + 1)}: ${line}`] : [];
  });
}

/** Splits identifiers into words, and drops the leader of a comment. */
function plainWords(line: string): string {
  return line
    .replace(/^\s*(?:\/\*\*?|\*\/?|\/\/|#|--)\s?/, '')
    .replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, ' ')
    .replaceAll(/[-_]/g, ' ')
    .toLowerCase()
    .trim();
}
