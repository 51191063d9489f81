import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { readInstalledPools } from './installed-pools.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'rock-mac-pools-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

function fileWith(text: string): string {
  const file = path.join(folder, 'pools.json');
  writeFileSync(file, text);
  return file;
}

test('an installation without a file has no pools of its own', async () => {
  expect(await readInstalledPools(undefined)).toEqual([]);
});

// Filled in here, the CRD's defaults changed the reuse delay of every pool that the values only paused.
test('reads pools as the chart writes them, without adding defaults', async () => {
  const pool = { name: 'lab', first: 'a4:58:0f:10:00:00', last: 'a4:58:0f:10:00:ff', autoReleaseAfter: '2d' };
  expect(await readInstalledPools(fileWith(JSON.stringify([pool])))).toEqual([pool]);
});

test.each([
  ['does not exist', () => path.join(folder, 'none.json')],
  ['is not JSON', () => fileWith('pools:')],
  ['has a pool without a last address', () => fileWith('[{"name":"lab","first":"a4:58:0f:10:00:00"}]')],
  ['has a malformed address', () => fileWith('[{"name":"lab","first":"zz","last":"a4:58:0f:10:00:ff"}]')],
])('a file that %s stops the operator with an error that names the file', async (_, file) => {
  await expect(readInstalledPools(file())).rejects.toThrow(/The pools of the installation \(.*\) cannot be used/);
});

test('a file that is not JSON gives an error that says so', async () => {
  await expect(readInstalledPools(fileWith('pools:'))).rejects.toThrow(/is not JSON/);
});
