import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { installCompletion, shellNamed } from './install.ts';
import { COMPLETION_SCRIPTS, type Shell } from './scripts.ts';

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-completion-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  return folder;
}

test.each<[Shell, string]>([
  ['bash', '.local/share/bash-completion/completions/rock-mac'],
  ['zsh', '.zfunc/_rock-mac'],
  ['fish', '.config/fish/completions/rock-mac.fish'],
])('the script of %s is written to ~/%s', async (shell, file) => {
  const home = await emptyFolder();
  const installed = await installCompletion(shell, { home });
  expect(installed.file).toBe(path.join(home, file));
  expect(await readFile(installed.file, 'utf8')).toBe(COMPLETION_SCRIPTS[shell]);
});

test('a second installation replaces the first one', async () => {
  const home = await emptyFolder();
  await installCompletion('bash', { home });
  await expect(installCompletion('bash', { home })).resolves.toBeDefined();
});

test('the folders of XDG are used', async () => {
  const data = await emptyFolder();
  const { file } = await installCompletion('bash', { home: '/nowhere', data });
  expect(file).toBe(path.join(data, 'bash-completion/completions/rock-mac'));
});

test.each([
  ['/usr/bin/fish', 'fish'],
  ['bash', 'bash'],
  ['/bin/dash', undefined],
  [undefined, undefined],
])('the shell %s is %s', (program, shell) => {
  expect(shellNamed(program)).toBe(shell);
});
