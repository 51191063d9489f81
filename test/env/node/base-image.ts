import { execFile } from 'node:child_process';
import { copyFile, mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ImageConfig, ImageFolder } from '../../../hack/rootfs.ts';
import type { NodePrograms } from '../programs/node-programs.ts';

const run = promisify(execFile);

/** The applets of BusyBox that scripts in images use, as programs of their own. */
const APPLETS = ['sh', 'cat', 'chmod', 'env', 'id', 'ip', 'ls', 'mkdir', 'ping', 'printf', 'rm', 'sleep', 'wget'];

/** Returns the image of a pod's sandbox. */
export async function pauseImage(folder: string, { pause }: NodePrograms): Promise<ImageFolder> {
  const rootfs = path.join(folder, 'pause');
  await mkdir(rootfs);
  await copyFile(pause, path.join(rootfs, 'pause'));
  return { rootfs, config: configOf({ entrypoint: ['/pause'], user: '65535:65535' }) };
}

/** Returns an image with a shell and the usual tools. */
export async function busyboxImage(folder: string, programs: NodePrograms): Promise<ImageFolder> {
  const rootfs = path.join(folder, 'busybox');
  await addBase(rootfs, programs);
  return { rootfs, config: configOf({ command: ['/bin/sh'] }) };
}

/** Adds a shell, /etc and /tmp to the root of an image. */
export async function addBase(rootfs: string, { busybox }: NodePrograms): Promise<void> {
  for (const name of ['bin', 'etc', 'tmp']) await mkdir(path.join(rootfs, name), { recursive: true });
  await run('chmod', ['1777', path.join(rootfs, 'tmp')]);
  await copyFile(busybox, path.join(rootfs, 'bin/busybox'));
  for (const name of APPLETS) await symlink('busybox', path.join(rootfs, 'bin', name));
  await writeFile(path.join(rootfs, 'etc/passwd'), 'root:x:0:0:root:/:/bin/sh\n');
}

/**
 * Adds the shared libraries of a program, as the dynamic linker of this machine finds them. The base image of the real image
 * would bring them, and tests have no registry.
 */
export async function addLibraries(rootfs: string, program: string): Promise<void> {
  const { stdout } = await run('ldd', [program]);
  for (const [library] of stdout.matchAll(/\/\S+/g)) {
    const target = path.join(rootfs, library);
    if (library.startsWith(rootfs)) continue; // its own
    await mkdir(path.dirname(target), { recursive: true });
    await copyFile(library, target);
  }
}

function configOf(config: Partial<ImageConfig>): ImageConfig {
  return { workingDir: '/', env: {}, user: '0:0', entrypoint: [], command: [], ...config };
}
