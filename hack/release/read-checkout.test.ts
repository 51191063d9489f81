import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { commitTime, readCheckout } from './read-checkout.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'rock-mac-checkout-'));
  mkdirSync(path.join(root, 'charts/rock-mac'), { recursive: true });
  put('charts/rock-mac/Chart.yaml', 'version: 0.2.0\nappVersion: 0.1.0\n');
  put('package.json', '{ "version": "0.2.0" }');
  put('CHANGELOG.md', '# Changelog\n\n## 0.2.0\n\n- New.\n');
  git('init', '--quiet');
  commit('first');
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function put(file: string, text: string): void {
  writeFileSync(path.join(root, file), text);
}

function git(...args: string[]): string {
  const identity = ['-c', 'user.name=a', '-c', 'user.email=a@example.com', '-c', 'commit.gpgsign=false'];
  const env = { ...process.env, GIT_COMMITTER_DATE: '2026-12-01T00:00:00Z' };
  return execFileSync('git', [...identity, ...args], { cwd: root, encoding: 'utf8', env }).trim();
}

function commit(message: string): string {
  git('add', '--all');
  git('commit', '--quiet', '--allow-empty', '--message', message);
  return git('rev-parse', 'HEAD');
}

test('a clean checkout has its versions and its commit, and no tag', async () => {
  expect(await readCheckout(root, '0.2.0')).toEqual({
    version: '0.2.0',
    packageVersion: '0.2.0',
    chartVersions: ['0.2.0', '0.1.0'],
    changedFiles: [],
    commit: git('rev-parse', 'HEAD'),
    tagged: undefined,
    inChangelog: true,
  });
  expect(await commitTime(root)).toBe(Date.UTC(2026, 11, 1) / 1_000);
});

test('changed and new files are reported', async () => {
  put('package.json', '{ "version": "0.3.0" }');
  put('new file', '');
  const { changedFiles, packageVersion } = await readCheckout(root, '0.3.0');
  expect(changedFiles).toEqual(['package.json', '"new file"']);
  expect(packageVersion).toBe('0.3.0');
});

test('a tag names its commit, also an annotated one, and no other tag counts', async () => {
  const first = git('rev-parse', 'HEAD');
  git('tag', '--annotate', 'v0.2.0', '--message', 'x');
  commit('second');
  expect(await readCheckout(root, '0.2.0')).toMatchObject({ tagged: first });
  expect((await readCheckout(root, '0.2')).tagged).toBeUndefined();
});

test('a version without a heading is not in the changelog', async () => {
  expect((await readCheckout(root, '0.3.0')).inChangelog).toBe(false);
});
