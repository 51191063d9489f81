import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { PinnedPackage } from './platforms.ts';

const run = promisify(execFile);

/**
 * Downloads a package into a folder and unpacks it. npm takes it from its cache if it is there. Returns the unpacked folder.
 * Throws if the bytes are not the pinned ones. Runs no script of the package.
 */
export async function unpackPackage({ name, version, integrity }: PinnedPackage, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const args = ['pack', `${name}@${version}`, '--pack-destination', folder, '--prefer-offline', '--silent'];
  const { stdout } = await run('npm', args, { cwd: folder });
  const tarball = path.join(folder, stdout.trim());
  const found = `sha512-${createHash('sha512')
    .update(await readFile(tarball))
    .digest('base64')}`;
  if (found !== integrity)
    throw new Error(`${name}@${version} is not the package that was pinned: it has ${found}, not ${integrity}.`);
  await run('tar', ['-xzf', tarball, '-C', folder]);
  return path.join(folder, 'package');
}
