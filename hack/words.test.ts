import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';

/*
 * One word for one thing (docs/glossary.md): each of these words was replaced by another, or is not plain English.
 * Identifiers count as words too: `firstContact`, `FIRST_CONTACT` and `first-contact` all read "first contact".
 */

/** Name of the rule: whole words to deny, in lower case, and what to write instead. */
const DENIED = {
  carry: ['carriers?|carry|carries|carried|carrying', 'workload, use an address'],
  pass: ['full pass|pass seconds|rockmac pass|last pass', 'resync'],
  ground: ['ground', 'test environment'],
  'first contact': ['first contact', 'initial sync'],
  reassert: ['assert live|re ?assert(?:s|ed|ing|ion)?', 'report addresses in use'],
  departed: ['departed', 'deleted'],
  slim: ['kept allocation|slim', 'trimmed'],
  'shared texts': ['shared texts?', 'string interning'],
  metered: ['metered', 'instrumented'],
  'read if there': ['read if there', 'getOrUndefined'],
  world: ['surroundings|circumstances|world', 'dependencies, options'],
  obtain: ['obtain(?:s|ed|ing)?', 'allocate'],
  slot: ['slots?', 'interface request'],
  wish: ['wish(?:es|ed)?', 'decision'],
  asker: ['askers?|lanes?|ask apart', 'waiter, caller, batcher'],
  'ask again': ['asks? again|asked again|asking again', 'retry, repeat the request'],
  'give back': ['(?:give|gives|gave|given|giving) (?:it |them |these |one )?back|given up', 'release'],
  'take up': ['taken back|(?:take|takes|took) up(?! to)', 'roll back, reuse'],
  look: ['looks? again|looked again|next look|look ms', 'check, poll, reconcile, interval'],
  judge: ['judg(?:e|es|ed|ing)|verdicts?', 'evaluate, decide, decision'],
  brake: ['brakes?|braked', 'release guard'],
  kinship: ['kinship', 'classification'],
  tell: ['tell|tells|told|telling', 'report, print, notify, return'],
  news: ['news', 'event, change'],
  'certificate keeper': ['certificate keeper|certificate plan', 'certificate rotator, rotation step'],
  'called server': ['called server|token gate', 'API-facing server, authentication filter'],
  incarnation: ['incarnations?', 'epoch'],
  'lost tail': ['lost tail', 'replication gap'],
  sweep: ['guardians?|sweep(?:s|er|ing)?|owner lock', 'reaper, cleanup, file lock'],
  narrator: ['narrators?|tally', 'reporter, summary'],
  'old tool': ['the (?:tool before|old tool)', 'the predecessor'],
  shall: ['shall', 'must, or the present tense'],
  'by hand': ['by hand', 'manually, yourself'],
  'in every doubt': ['in every doubt', 'in doubt'],
  'goes away': ['goes away|go away|went away', 'is deleted, stops, ends'],
} as const satisfies Record<string, readonly [pattern: string, use: string]>;

type Rule = keyof typeof DENIED;

interface Allowance {
  readonly files: RegExp;
  /** Absent: all of them. */
  readonly rules?: readonly Rule[];
  readonly why: string;
}

const ALLOWANCES: readonly Allowance[] = [
  { files: /^CHANGELOG\.md$/, why: 'it names what was renamed' },
  { files: /^hack\/words\.test\.ts$/, why: 'it lists the words' },
  { files: /^(?:hack\/dockerfile\.test\.ts|Dockerfile)$/, rules: ['slim'], why: 'part of the name of an image' },
  { files: /\.test\.ts$/, rules: ['slot'], why: "a key of a device's metadata" },
];

const repository = path.join(import.meta.dirname, '..');
const files = globSync(['**/*.{ts,sql,md,yaml,tpl,sh}', '**/NOTES.txt', '{Makefile,Dockerfile}', '.ci/run'], {
  cwd: repository,
  exclude: (name) => ['node_modules', 'build', 'coverage'].includes(name),
}).sort();

describe.each(Object.keys(DENIED) as Rule[])('the words of "%s"', (rule) => {
  const [pattern, use] = DENIED[rule];

  test(`are written nowhere; use ${use}`, () => {
    expect(files.filter((file) => !isAllowed(file, rule)).flatMap((file) => linesWith(pattern, file))).toEqual([]);
  });
});

test('scripts and texts of other kinds are read too', () => {
  const others = ['.ci/run', 'Dockerfile', 'Makefile', 'deploy/kind/quickstart.sh'];
  expect(files).toEqual(expect.arrayContaining([...others, 'charts/rock-mac/templates/NOTES.txt']));
});

test('every allowance is needed', () => {
  const unused = ALLOWANCES.flatMap(({ files: some, rules = [] }) =>
    rules
      .filter((rule) => !files.some((file) => some.test(file) && linesWith(DENIED[rule][0], file).length > 0))
      .map((rule) => `${rule} in ${String(some)}`),
  );
  expect(unused).toEqual([]);
});

function isAllowed(file: string, rule: Rule): boolean {
  return ALLOWANCES.some(({ files: some, rules }) => some.test(file) && rules?.includes(rule) !== false);
}

const plainLines = new Map<string, readonly string[]>();

/** Returns `file:line: text` for each place where the words are. A phrase may continue on the next line. */
function linesWith(pattern: string, file: string): string[] {
  const lines = plainLines.get(file) ?? readFileSync(path.join(repository, file), 'utf8').split('\n').map(plainWords);
  plainLines.set(file, lines);
  const words = new RegExp(`\\b(?:${pattern})\\b`);
  return lines.flatMap((line, index) => {
    const match = words.exec(`${line} ${lines[index + 1] ?? ''}`);
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
