import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { embeddedFolder, embeddedUrl, findEmbedded } from './folder.ts';

let home: string;

beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), 'rock-mac-folder-'));
});

afterEach(async () => {
  await rm(home, { recursive: true });
});

test('the socket is in the folder, or in the temporary directory if its path would be too long', () => {
  expect(embeddedFolder('/home/ada/.rock/ledger').run).toBe('/home/ada/.rock/ledger/run');
  const long = embeddedFolder(`/home/${'x'.repeat(90)}/.rock/ledger`).run;
  expect(long).toMatch(/rock-mac-[0-9a-f]{12}$/);
  expect(embeddedFolder(`/home/${'y'.repeat(90)}/.rock/ledger`).run).not.toBe(long);
});

test('the URL names the socket and no network address', () => {
  const url = new URL(embeddedUrl({ run: '/home/ada/.rock/ledger/run' }));
  expect(url.searchParams.get('host')).toBe('/home/ada/.rock/ledger/run');
  expect(url.password).toBe('');
});

test('a ledger is found only after init has completed', async () => {
  expect(await findEmbedded(home)).toBeUndefined();
  const elsewhere = path.join(home, 'elsewhere');
  await mkdir(elsewhere);
  await mkdir(path.join(home, '.rock'));
  await symlink(elsewhere, path.join(home, '.rock', 'ledger'));
  expect(await findEmbedded(home)).toBeUndefined();
  await writeFile(path.join(elsewhere, 'ledger.json'), '{"version": 1}');
  expect((await findEmbedded(home))?.folder.data).toBe(path.join(elsewhere, 'data'));
});

test.each(['', '{"version": ', '{"version": 2}'])('a marker of %j is an error that names the file', async (text) => {
  const folder = path.join(home, '.rock', 'ledger');
  await mkdir(folder, { recursive: true });
  await writeFile(path.join(folder, 'ledger.json'), text);
  await expect(findEmbedded(home)).rejects.toThrow(/ledger\.json does not describe an embedded ledger/);
});
