import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Command, Option } from 'commander';
import { expect, test } from 'vitest';
import type { Mode } from '../cli/cli.ts';
import { clusterMode } from '../cli/cluster-mode/mode.ts';
import { ledgerMode } from '../cli/ledger-mode/mode.ts';
import { commandsOf } from './cli-reference.ts';

/* Whoever follows a page at night types its commands as they stand there: each must exist, with its flags. */

const repository = path.join(import.meta.dirname, '..');
const pages = globSync(['*.md', 'docs/*.md', 'charts/**/*.md'], { cwd: repository }).filter(
  (page) => page !== 'CHANGELOG.md',
);
const COMMAND = /(?<![\w./-]|install |upgrade )(kubectl rock-mac|rock-mac) +([a-z][^`|;&#)\n]*)/g;

function commandsIn(page: string): { readonly mode: Mode; readonly words: readonly string[] }[] {
  const text = readFileSync(path.join(repository, page), 'utf8');
  const code = [...text.matchAll(/^```sh.*?\n(.*?)^```/gms), ...text.matchAll(/`((?:kubectl )?rock-mac [^`\n]+)`/g)];
  return code.flatMap(([, each = '']) =>
    [
      ...each
        .replaceAll('\\\n', ' ')
        .replaceAll(/'[^']*'|"[^"]*"/g, 'TEXT')
        .matchAll(COMMAND),
    ].map(([, program, words = '']) => ({
      mode: program === 'rock-mac' ? ledgerMode : clusterMode,
      words: words.trim().split(/\s+/),
    })),
  );
}

const known = new Map([ledgerMode, clusterMode].map((mode) => [mode, commandsOf(mode)]));

/** Returns what is wrong with a command line, or undefined. */
function problemOf(mode: Mode, words: readonly string[]): string | undefined {
  const commands = known.get(mode) ?? [];
  const at = (length: number) => commands.find(({ path }) => path === words.slice(0, length).join(' '))?.command;
  const command = at(2) ?? at(1);
  if (command === undefined) return 'no such command';
  const options = optionsOf(command);
  const flags = words.flatMap((word) => /^(--[a-z][\w-]*|-[a-zA-Z])(?:=.*)?$/.exec(word)?.[1] ?? []);
  const unknown = flags.filter((flag) => !options.some(({ long, short }) => flag === long || flag === short));
  return unknown.length > 0 ? `no flag ${unknown.join(', ')}` : undefined;
}

function optionsOf(command: Command): readonly Option[] {
  return [
    ...command.createHelp().visibleOptions(command),
    ...(command.parent === null ? [] : optionsOf(command.parent)),
  ];
}

test.each(pages)('every command of rock-mac in %s exists, with its flags', (page) => {
  const wrong = commandsIn(page).flatMap(({ mode, words }) => {
    const problem = problemOf(mode, words);
    return problem === undefined ? [] : [`${mode.program} ${words.join(' ')}: ${problem}`];
  });
  expect(wrong).toEqual([]);
});

test('a command that does not exist is found, and so is a flag', () => {
  expect(problemOf(ledgerMode, ['approve'])).toBe('no such command');
  expect(problemOf(ledgerMode, ['list', '--sort-by', 'newest', '--colour'])).toBe('no flag --colour');
  expect(problemOf(clusterMode, ['doctor', '--admission', '--namespace', 'a'])).toBeUndefined();
});
