import { globSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';

/*
 * Every user of a machine can read the arguments of its programs. So no page shows a command with a password among them.
 */

const repository = path.join(import.meta.dirname, '..');
const pages = globSync(['*.md', '{docs,charts,ledger,deploy}/**/*.{md,sh,yaml,txt}'], { cwd: repository });

const FORBIDDEN: Readonly<Record<string, RegExp>> = {
  'a URL with a password': /postgres(?:ql)?:\/\/[^\s:/@]+:[^\s@]+@/,
  'a variable with a URL': /--ledger[= ]["']?\$/,
  'a literal of a Secret': /--from-literal[= ]\S*(?:url|password|token)/i,
  'a value of a chart': /--set(?:-string)?[= ]\S*password=/i,
  'a variable of libpq': /\bPGPASSWORD=/,
  'a password of psql': /\bpsql\b.*password=/i,
};

/** Returns the lines of the commands in a file. A line that a backslash continues is one with the next. */
function commandsOf(file: string): readonly string[] {
  const text = readFileSync(path.join(repository, file), 'utf8').replaceAll(/\\\n\s*/g, ' ');
  const shells = file.endsWith('.md')
    ? [...text.matchAll(/^( *)```(?:sh|bash|console)[^\n]*\n([^]*?)^\1```$/gm)].map(([, , block = '']) => block)
    : [text];
  return file.endsWith('.yaml') || file.endsWith('.txt')
    ? shells.flatMap((shell) => shell.split('\n')).filter((line) => /\b(?:kubectl|helm|psql|rock-mac) /.test(line))
    : shells.flatMap((shell) => shell.split('\n'));
}

test.each(pages)('no command of %s has a password among its arguments', (page) => {
  for (const command of commandsOf(page)) {
    for (const [what, pattern] of Object.entries(FORBIDDEN))
      expect(pattern.test(command), `${what}: ${command}`).toBe(false);
  }
});

test('the commands of pages are found, also in a list', () => {
  expect(commandsOf('docs/install.md').some((line) => line.startsWith('helm install '))).toBe(true);
  expect(commandsOf('docs/webhook-callers.md').some((line) => line.includes('openssl req -x509'))).toBe(true);
});
