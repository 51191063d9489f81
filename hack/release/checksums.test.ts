import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { checksumsOf } from './checksums.ts';

test('sha256sum finds a file that was changed', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'rock-mac-checksums-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  for (const name of ['b.tgz', 'a.tgz']) writeFileSync(path.join(folder, name), name);
  writeFileSync(path.join(folder, 'checksums.txt'), await checksumsOf(folder, ['b.tgz', 'a.tgz']));
  const check = () =>
    execFileSync('sha256sum', ['--check', 'checksums.txt'], { cwd: folder, stdio: 'pipe' }).toString();
  expect(check()).toBe('a.tgz: OK\nb.tgz: OK\n');
  writeFileSync(path.join(folder, 'a.tgz'), 'other');
  expect(check).toThrow(/did NOT match/);
});
