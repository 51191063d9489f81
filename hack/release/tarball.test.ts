import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeTarball } from './tarball.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rock-mac-tarball-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Writes the same three files into a folder, in this order and with these rights and times. */
function fill(parent: string, names: readonly string[], mode: number, seconds: number): string {
  const tree = path.join(folder, parent, 'tree');
  mkdirSync(path.join(tree, 'bin'), { recursive: true });
  for (const name of names) {
    writeFileSync(path.join(tree, name), `text of ${name}`);
    utimesSync(path.join(tree, name), seconds, seconds);
    chmodSync(path.join(tree, name), name.startsWith('bin/') ? mode | 0o111 : mode);
  }
  symlinkSync('bin/run', path.join(tree, 'link'));
  return tree;
}

test('the same files give the same bytes, whatever their order, rights, times and folder', async () => {
  const one = fill('one', ['bin/run', 'B', 'a'], 0o644, 1_000);
  const two = fill('two', ['a', 'B', 'bin/run'], 0o600, 2_000);
  await writeTarball(one, path.join(folder, 'one.tar.gz'), 1_700_000_000);
  await writeTarball(two, path.join(folder, 'two.tar.gz'), 1_700_000_000);
  const [first, second] = ['one', 'two'].map((name) => readFileSync(path.join(folder, `${name}.tar.gz`)));
  expect(first?.equals(second ?? Buffer.alloc(0))).toBe(true);
  const listed = execFileSync('tar', ['-tvzf', path.join(folder, 'one.tar.gz'), '--utc'], { encoding: 'utf8' });
  expect(listed.replaceAll(/ +/g, ' ').trim().split('\n')).toEqual([
    'drwxr-xr-x 0/0 0 2023-11-14 22:13 tree/',
    '-rw-r--r-- 0/0 9 2023-11-14 22:13 tree/B',
    '-rw-r--r-- 0/0 9 2023-11-14 22:13 tree/a',
    'drwxr-xr-x 0/0 0 2023-11-14 22:13 tree/bin/',
    '-rwxr-xr-x 0/0 15 2023-11-14 22:13 tree/bin/run',
    'lrwxr-xr-x 0/0 0 2023-11-14 22:13 tree/link -> bin/run',
  ]);
});

test('a folder that does not exist is an error, not an empty archive', async () => {
  await expect(writeTarball(path.join(folder, 'none'), path.join(folder, 'none.tar.gz'), 0)).rejects.toThrow(
    /exit code/,
  );
});
