import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeIfChanged } from './write-file.ts';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-export-'));
  file = path.join(folder, 'hosts');
});
afterEach(() => rm(folder, { recursive: true }));

test('a new file is written, and the same content is not written again', async () => {
  expect(await writeIfChanged(file, 'a\n')).toBe(true);
  expect(await readFile(file, 'utf8')).toBe('a\n');
  const { ino } = await stat(file);
  expect(await writeIfChanged(file, 'a\n')).toBe(false);
  expect((await stat(file)).ino).toBe(ino);
  expect(await readdir(folder)).toEqual(['hosts']);
});

test('the file is replaced and not changed, so a reader of before still has all of it, and its mode stays', async () => {
  await writeFile(file, 'a\n');
  await chmod(file, 0o640);
  const { ino } = await stat(file);
  await writeIfChanged(file, 'b\n');
  const after = await stat(file);
  expect(after.ino).not.toBe(ino);
  expect(after.mode & 0o777).toBe(0o640);
});

test('a symbolic link stays one, and what it leads to is replaced', async () => {
  const target = path.join(folder, 'target');
  await writeFile(target, 'a\n');
  await symlink(target, file);
  await writeIfChanged(file, 'b\n');
  expect(await readlink(file)).toBe(target);
  expect(await readFile(target, 'utf8')).toBe('b\n');
});

test('what is no file is not replaced, and a failed write leaves nothing behind', async () => {
  await expect(writeIfChanged('/dev/null', 'a\n')).rejects.toThrow('/dev/null is not a file');
  await mkdir(path.join(folder, 'sub'));
  await expect(writeIfChanged(path.join(folder, 'absent', 'hosts'), 'a\n')).rejects.toThrow(
    'hosts cannot be written (there is no such file). Check that its folder exists',
  );
  expect(await readdir(folder)).toEqual(['sub']);
});

test('two writers of one file at once leave the whole text of one of them, and nothing else', async () => {
  const texts = Array.from({ length: 20 }, (_, index) => `${String(index)}\n`.repeat(100_000));
  await Promise.all(texts.map((text) => writeIfChanged(file, text)));
  expect(texts).toContain(await readFile(file, 'utf8'));
  expect(await readdir(folder)).toEqual(['hosts']);
});

test('a link that somebody put in place of the unfinished file is not followed', async () => {
  const other = path.join(folder, 'other');
  await writeFile(other, 'precious\n');
  await symlink(other, path.join(folder, `.hosts.${String(process.pid)}.unfinished`));
  await writeIfChanged(file, 'a\n');
  expect(await readFile(other, 'utf8')).toBe('precious\n');
});
