import { chown, mkdir, mkdtemp, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { makeSocketFolder, requireOwnSocketFolder } from './socket-folder.ts';

const isRoot = process.getuid?.() === 0;
/** For root, another user runs Postgres. */
const SERVER = isRoot ? { uid: 65_534, gid: 65_534 } : undefined;
const FOREIGN = /is a link, or it belongs to another user\. Find out who created it/;

let shared = '';
let folder = '';
let victim = '';
beforeEach(async () => {
  shared = await mkdtemp(path.join(tmpdir(), 'rock-mac-socket-'));
  folder = path.join(shared, 'rock-mac-0123456789ab');
  victim = path.join(shared, 'victim');
  await mkdir(victim, { mode: 0o755 });
});
afterEach(() => rm(shared, { recursive: true }));

test('a new folder belongs to the user that runs Postgres, and nobody else may enter it', async () => {
  await makeSocketFolder(folder, SERVER);
  const { uid, mode } = await stat(folder);
  expect([uid, mode & 0o777]).toEqual([SERVER?.uid ?? process.getuid?.(), 0o700]);
  await expect(requireOwnSocketFolder(folder, SERVER)).resolves.toBeUndefined();
  // The next start finds it.
  await expect(makeSocketFolder(folder, SERVER)).resolves.toBeUndefined();
});

test('a link in its place changes nothing behind it', async () => {
  const before = await stat(victim);
  await symlink(victim, folder);
  await expect(makeSocketFolder(folder, SERVER)).rejects.toThrow(FOREIGN);
  await expect(requireOwnSocketFolder(folder, SERVER)).rejects.toThrow(FOREIGN);
  const { uid, gid, mode } = await stat(victim);
  expect({ uid, gid, mode }).toEqual({ uid: before.uid, gid: before.gid, mode: before.mode });
});

test('a link that leads nowhere creates nothing', async () => {
  await symlink(path.join(shared, 'nowhere'), folder);
  await expect(makeSocketFolder(folder, SERVER)).rejects.toThrow(FOREIGN);
  await expect(requireOwnSocketFolder(folder, SERVER)).rejects.toThrow(FOREIGN);
  await expect(stat(path.join(shared, 'nowhere'))).rejects.toThrow('ENOENT');
});

test('a file in its place is refused', async () => {
  await writeFile(folder, '');
  await expect(makeSocketFolder(folder, SERVER)).rejects.toThrow(FOREIGN);
  await expect(requireOwnSocketFolder(folder, SERVER)).rejects.toThrow(FOREIGN);
});

test.runIf(isRoot)('a folder of another user is refused', async () => {
  await mkdir(folder);
  await chown(folder, 1_234, 1_234);
  await expect(makeSocketFolder(folder, SERVER)).rejects.toThrow(FOREIGN);
  await expect(requireOwnSocketFolder(folder, SERVER)).rejects.toThrow(FOREIGN);
  expect((await stat(folder)).uid).toBe(1_234);
});

test('a folder that does not exist yet is no reason to refuse a connection, which starts the server', async () => {
  await expect(requireOwnSocketFolder(folder, SERVER)).resolves.toBeUndefined();
});
