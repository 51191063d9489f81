import { execFile } from 'node:child_process';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

/** A file or folder of the machine that a sandboxed process sees somewhere else. */
export interface Mount {
  readonly source: string;
  /** Absolute, as the process sees it. */
  readonly target: string;
  readonly readOnly: boolean;
}

export interface SandboxOptions {
  /** An empty folder: becomes the process's root, which it cannot write to. */
  readonly root: string;
  readonly mounts: readonly Mount[];
  /** `uid:gid`. */
  readonly user: string;
  readonly workingDir: string;
  readonly command: readonly string[];
}

/** Found first in the PATH of a sandbox: the Node that runs us, in the place of an image's. */
export const sandboxPath = '/node/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * The command line that runs a process as a container runtime would, with nothing but util-linux: a mount namespace, a root
 * of its own that is read-only, files at the very paths that the pod names, and no root's rights. Programs and libraries
 * come from the machine, which stands in for the base image. Every step ends in `exec`, so signals reach the process.
 *
 * Where we are not root, a user namespace lends the right to mount, and one more shows the process the uid that it asked for.
 */
export async function sandboxed(options: SandboxOptions): Promise<{ command: string; args: string[] }> {
  const mounts = [...machineMounts(), ...options.mounts];
  for (const { source, target } of mounts) await makeMountPoint(source, path.join(options.root, target));
  const listed = mounts.flatMap(({ source, target, readOnly }) => [readOnly ? 'ro' : 'rw', source, target]);
  return {
    command: 'unshare',
    args: [
      ...namespaces(),
      ...['/bin/sh', '-euc', script, 'sandbox'],
      options.root,
      ...[...listed, '--'],
      ...entrance(options),
      ...options.command,
    ],
  };
}

/** Throws, with what to do, where the system does not let us make a sandbox: else a test would only see pods that never start. */
export async function requireSandboxes(): Promise<void> {
  try {
    await promisify(execFile)('unshare', [...namespaces(), 'true']);
  } catch (error) {
    const next =
      'Run as root with the capability SYS_ADMIN, or allow user namespaces (kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu).';
    throw new Error(`This system does not let us make a mount namespace, in which pods are run. ${next}`, {
      cause: error,
    });
  }
}

function namespaces(): string[] {
  return isRoot() ? ['--mount'] : ['--user', '--map-root-user', '--mount'];
}

function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** The last step, into the root: without the rights of root, which programs such as Postgres refuse to run with. */
function entrance({ root, user, workingDir }: SandboxOptions): string[] {
  if (isRoot()) return ['chroot', `--userspec=${user}`, root, 'env', `--chdir=${workingDir}`];
  const [uid = '', gid = ''] = user.split(':');
  return ['unshare', '--user', `--map-user=${uid}`, `--map-group=${gid}`, `--root=${root}`, `--wd=${workingDir}`];
}

const script = `
root=$1
shift
mount --bind "$root" "$root"
while [ "$1" != -- ]; do
  mount --rbind "$2" "$root$3"
  [ "$1" = rw ] || mount -o remount,bind,ro "$root$3"
  shift 3
done
shift
mount -o remount,bind,ro "$root"
exec "$@"
`;

/** Only root could write to these anyway, and the process is not root. */
function machineMounts(): Mount[] {
  const same = (target: string): Mount => ({ source: target, target, readOnly: false });
  return [
    ...['/usr', '/bin', '/lib', '/lib64', '/dev', '/proc'].map(same),
    { source: process.execPath, target: '/node/bin/node', readOnly: false },
  ];
}

async function makeMountPoint(source: string, target: string): Promise<void> {
  if ((await stat(source)).isDirectory()) {
    await mkdir(target, { recursive: true });
  } else {
    await mkdir(path.dirname(target), { recursive: true });
    await writeFile(target, '');
  }
}
