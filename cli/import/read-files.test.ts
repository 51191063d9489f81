import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { MAX_FILE_BYTES, readTexts } from './read-files.ts';

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-import-'));
});
afterEach(() => rm(folder, { recursive: true }));

const CSV = /\.csv$/;
const read = (name: string, stdin: NodeJS.ReadableStream = Readable.from([])) => readTexts([name], CSV, stdin);

test('a folder has its files, those of folders below, and those behind links, each once', async () => {
  const elsewhere = path.join(folder, 'elsewhere');
  const named = path.join(folder, 'named');
  await mkdir(path.join(named, 'below'), { recursive: true });
  await mkdir(elsewhere);
  await writeFile(path.join(elsewhere, 'linked.csv'), 'linked');
  await writeFile(path.join(named, 'below', 'b.csv'), 'b');
  await writeFile(path.join(named, 'a.txt'), 'a');
  await symlink(path.join(elsewhere, 'linked.csv'), path.join(named, 'link.csv'));
  await symlink(path.join(named, 'below', 'b.csv'), path.join(named, 'same.csv'));
  await symlink(path.join(elsewhere, 'absent.csv'), path.join(named, 'broken.csv'));
  expect(await read(named)).toEqual([
    { file: path.join(named, 'below', 'b.csv'), text: 'b' },
    { file: path.join(named, 'link.csv'), text: 'linked' },
  ]);
});

test.each([
  ['UTF-16 with its mark', Buffer.from('\ufeffmac\n', 'utf16le'), 'iconv -f utf-16'],
  ['UTF-16 without it', Buffer.from('mac\n', 'utf16le'), 'iconv -f utf-16'],
  ['Latin-1', Buffer.from('b\xfcro', 'latin1'), 'iconv -f latin1'],
])('a text in %s is refused with the command that converts it', async (_, content, command) => {
  const file = path.join(folder, 'hosts.csv');
  await writeFile(file, content);
  await expect(read(file)).rejects.toThrow(command);
});

test('a file without an end is refused instead of filling the memory', async () => {
  await expect(read('/dev/zero')).rejects.toThrow('/dev/zero has more than 256 MiB. Is it the right file?');
  const part = Buffer.alloc(MAX_FILE_BYTES / 4, 'x');
  const endless = Readable.from(Array.from({ length: 5 }, () => part));
  await expect(read('-', endless)).rejects.toThrow('standard input has more than 256 MiB');
});

test('a folder instead of a file of its own is no file', async () => {
  await mkdir(path.join(folder, 'x.csv'));
  await expect(read(folder)).rejects.toThrow('has no file of this format');
});
