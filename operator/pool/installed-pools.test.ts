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

test('an installation without a file wants no pools of its own', async () => {
  expect(await readInstalledPools(undefined)).toEqual([]);
});

// The defaults of the CRD, filled in here, would have changed the reuse delay of every pool that the values only pause.
test('reads pools as the values of the chart write them, and adds nothing', async () => {
  const pool = { name: 'lab', first: 'a4:58:0f:10:00:00', last: 'a4:58:0f:10:00:ff', autoReleaseAfter: '2d' };
  expect(await readInstalledPools(fileWith(JSON.stringify([pool])))).toEqual([pool]);
});

test.each([
  ['is not there', () => path.join(folder, 'none.json')],
  ['is no JSON', () => fileWith('pools:')],
  ['has a pool without an end', () => fileWith('[{"name":"lab","first":"a4:58:0f:10:00:00"}]')],
  ['has an address that is none', () => fileWith('[{"name":"lab","first":"zz","last":"a4:58:0f:10:00:ff"}]')],
])('a file that %s stops the operator, and is named', async (_, file) => {
  await expect(readInstalledPools(file())).rejects.toThrow(/The pools of the installation \(.*\) cannot be used/);
});
