import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';

/**
 * Writes a folder as a compressed tar archive. The same files give the same bytes: names are sorted, every file belongs to
 * root and has the same time, in seconds since 1970. GNU tar sorts, Node compresses: its zlib has the version that
 * package.json pins.
 */
export async function writeTarball(folder: string, file: string, mtime: number): Promise<void> {
  const tar = spawn(
    'tar',
    [
      ...['--create', '--format=ustar', '--sort=name', `--mtime=@${mtime}`],
      ...['--owner=0', '--group=0', '--numeric-owner', '--mode=u=rwX,go=rX'],
      ...['--directory', path.dirname(folder), path.basename(folder)],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, LC_ALL: 'C' } },
  );
  const ended = once(tar, 'close');
  await pipeline(tar.stdout, createGzip(), createWriteStream(file));
  const [code] = (await ended) as [number | null];
  if (code !== 0) throw new Error(`tar failed with exit code ${String(code)} for ${folder}.`);
}
