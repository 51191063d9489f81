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

/** First in the PATH of a sandbox: the Node of this process replaces the one of an image. */
export const sandboxPath = '/node/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/**
 * Returns the command that runs a process like a container runtime, with util-linux only: a mount namespace, a read-only root,
 * files at the paths of the pod, and no root privileges. Programs and libraries of the machine replace the base image. Every
 * step ends in `exec`, so signals reach the process.
 *
 * Without root, a user namespace gives the right to mount, and a second one gives the process its requested uid.
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

/** Throws if the system does not allow sandboxes. Otherwise a test would only see pods that never start. */
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

/** Returns the last step: enters the root without root privileges, with which Postgres refuses to run. */
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
