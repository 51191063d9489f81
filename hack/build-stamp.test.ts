import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hashOf, isUpToDate } from './build-stamp.ts';

let root: string;
let stamp: string;

beforeEach(async () => {
  root = await mkdtemp(path.join(tmpdir(), 'rock-mac-test-'));
  for (const file of ['a.ts', 'b.sql', 'out.js']) await writeFile(path.join(root, file), file);
  const files = ['a.ts', 'b.sql'];
  stamp = JSON.stringify({ files, outputs: ['out.js'], hash: await hashOf(root, files) });
});

afterEach(() => rm(root, { recursive: true }));

test('a build of unchanged files is up to date', async () => {
  expect(await isUpToDate(root, stamp, ['b.sql'])).toBe(true);
});

test.each([
  ['a changed file', () => writeFile(path.join(root, 'a.ts'), 'changed')],
  ['a deleted file', () => rm(path.join(root, 'b.sql'))],
  ['a deleted output', () => rm(path.join(root, 'out.js'))],
])('%s needs a new build', async (_, change) => {
  await change();
  expect(await isUpToDate(root, stamp, ['b.sql'])).toBe(false);
});

test('a new file that nothing imports needs a new build, and so does the first one', async () => {
  expect(await isUpToDate(root, stamp, ['b.sql', 'c.sql'])).toBe(false);
  expect(await isUpToDate(root, undefined, [])).toBe(false);
});
