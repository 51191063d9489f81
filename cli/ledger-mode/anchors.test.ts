import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { anchorText, readAnchor } from './anchors.ts';

const hash = '0f'.repeat(32);
const anchor = { epoch: 2, seq: 77, hash };

async function fileWith(text: string): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'anchors-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'anchor');
  await writeFile(file, text);
  return file;
}

test('an anchor is read as it is printed', async () => {
  expect(await readAnchor(anchorText(anchor))).toEqual({ anchors: [anchor] });
});

test('an anchor is read from a file, as it is printed or as the operator stores it', async () => {
  expect(await readAnchor(await fileWith(`${anchorText(anchor)}\n`))).toEqual({ anchors: [anchor] });
  const stored = { ledgerId: '00000000-0000-4000-8000-00000000000a', anchors: [{ ...anchor, reached: 9 }] };
  expect(await readAnchor(await fileWith(JSON.stringify(stored)))).toEqual(stored);
});

test.each(['no-such-file', `0:1:${hash}`, `1:2:${hash.slice(1)}`])(
  'refuses %s and says what to pass',
  async (value) => {
    await expect(readAnchor(value)).rejects.toMatchObject({
      message: expect.stringContaining('EPOCH:SEAL:HASH') as string,
    });
  },
);

test('refuses a file without anchors', async () => {
  await expect(readAnchor(await fileWith('{}'))).rejects.toThrow('the file has no anchors');
});
