import { spawnSync } from 'node:child_process';
import { Command } from 'commander';
import { describe, expect, test } from 'vitest';
import { clusterMode } from '../cli/cluster-mode/mode.ts';
import { ledgerMode } from '../cli/ledger-mode/mode.ts';
import { commandsOf } from './cli-reference.ts';
import { type ManPage, manPages } from './man-pages.ts';

const pages: readonly ManPage[] = [
  ...manPages({ name: 'rock-mac', version: '1.2.3', commands: commandsOf(ledgerMode) }),
  ...manPages({ name: 'kubectl-rock_mac', version: '1.2.3', commands: commandsOf(clusterMode) }),
];

/** Debian: `apt-get install mandoc`. */
const hasMandoc = spawnSync('mandoc', ['-T', 'lint'], { input: '' }).error === undefined;

function rendered({ text }: ManPage): string {
  const { stdout } = spawnSync('mandoc', ['-T', 'utf8', '-O', 'width=200'], { input: text, encoding: 'utf8' });
  return stdout.replaceAll(/.[\b]/g, ''); // bold is written twice, with a backspace in between
}

test('each command of both programs has a page', () => {
  const names = pages.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining(['rock-mac.1', 'rock-mac-pool.1', 'rock-mac-pool-add.1', 'kubectl-rock_mac-release.1']),
  );
  expect(new Set(names).size).toBe(names.length);
  expect(names).not.toContain('rock-mac-help.1');
});

test.skipIf(!hasMandoc)('no page has an error or a warning, except that it has no date', () => {
  for (const { name, text } of pages) {
    const { stdout } = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning'], { input: text, encoding: 'utf8' });
    // With a date, two builds of one version would differ.
    const found = stdout.split('\n').filter((line) => line !== '' && !line.includes('missing date'));
    expect({ name, found }).toEqual({ name, found: [] });
  }
});

test.skipIf(!hasMandoc)('a page has what the help has', () => {
  const page = pages.find(({ name }) => name === 'rock-mac-pool-add.1');
  if (page === undefined) throw new Error('there is no such page');
  const shown = rendered(page);
  expect(shown).toMatch(/rock-mac pool add \[options\] <pool>/);
  expect(shown).toMatch(/--reuse-delay <time>\n +how long a released address is given to nobody else/);
  expect(shown).toMatch(/--ledger <url>/);
  expect(shown).toMatch(/EXAMPLES\n +rock-mac pool add lab --first a4:58:0f:10:00:00 --size 256\n/);
  expect(shown).toMatch(/EXIT STATUS\n +0 +success/);
  expect(shown).toMatch(/SEE ALSO\n +rock-mac-pool\(1\)/);
});

describe('what roff would take for its own', () => {
  const command = new Command('x').description('.hidden \\n "quoted" - naïve. \'So it is.').argument('<y>', 'a y');
  const [page] = manPages({
    name: 'x',
    version: '1',
    commands: [{ path: '', command, help: '', examples: ['.TH', `x 'a\\b'`] }],
  });

  test('is escaped in ASCII', () => {
    expect(page?.text).toMatch(/^[\x20-\x7e\n]*$/);
    expect(page?.text).not.toMatch(/^\.(hidden|TH$)/m);
  });

  test.skipIf(!hasMandoc)('is printed as it is', () => {
    const shown = page === undefined ? '' : rendered(page);
    expect(shown).toContain('.hidden \\n "quoted" - naïve.');
    expect(shown).toContain("'So it is.");
    expect(shown).toContain('.TH\n');
    expect(shown).toContain("x 'a\\b'");
  });
});
