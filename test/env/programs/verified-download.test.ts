import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type ServedFile, serveFiles } from '../../doubles/http-files.ts';
import { reservePort } from '../run/port-reservation.ts';
import { tempFolder } from '../run/temp-folder.ts';
import { openDownloader } from './verified-download.ts';

const content = 'a program of the control plane '.repeat(10_000);
const sha256 = createHash('sha256').update(content).digest('hex');

async function download(file: ServedFile, checksum = sha256) {
  const { url } = await serveFiles({ '/program': file });
  const downloader = openDownloader({ connectWithinMs: 500 });
  onTestFinished(() => downloader.close());
  const folder = await tempFolder();
  const progress: number[] = [];
  const done = downloader.file(`${url}/program`, path.join(folder, 'program'), checksum, (n) => progress.push(n));
  return { done, folder, progress, url };
}

describe('a verified download', () => {
  it('saves a file with the published checksum', async () => {
    const { done, folder, progress } = await download(content);
    await done;
    expect(await readdir(folder)).toEqual(['program']);
    expect(await readFile(path.join(folder, 'program'), 'utf8')).toBe(content);
    expect(progress.at(-1)).toBe(content.length);
  });

  it.each<{ fault: string; file: ServedFile; checksum?: string; want: RegExp }>([
    { fault: 'another checksum', file: content, checksum: '0'.repeat(64), want: /SHA-256 is .* was published/ },
    { fault: 'an error status', file: { status: 404 }, want: /\/program: the server returned 404/ },
    { fault: 'a body that is cut', file: { cutAfterHalfOf: content }, want: /\/program: terminated/ },
  ])('leaves no file behind after $fault', async ({ file, checksum, want }) => {
    const { done, folder } = await download(file, checksum);
    await expect(done).rejects.toThrow(want);
    expect(await readdir(folder)).toEqual([]);
  });

  it('reports the reason if no server responds', async () => {
    const reservation = await reservePort();
    onTestFinished(() => reservation.release());
    const downloader = openDownloader({ connectWithinMs: 500 });
    onTestFinished(() => downloader.close());
    await expect(downloader.text(`http://127.0.0.1:${reservation.value}/sums`)).rejects.toThrow('ECONNREFUSED');
  });
});
