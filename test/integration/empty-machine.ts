import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { addLibraries } from '../env/node/base-image.ts';

const run = promisify(execFile);

/** The programs that the commands of the pages and the launchers use, and those with which a test looks around. */
const TOOLS = ['sh', 'tar', 'gzip', 'dirname', 'readlink', 'ls', 'cat', 'stat', 'mkdir', 'chown'];

/** A root folder with the C library and a shell: no Node, no repository, no network. */
export interface EmptyMachine {
  readonly root: string;
  /** Runs a script as this user. Every process that it leaves is killed. */
  script(user: string, lines: string): Promise<string>;
  remove(): Promise<void>;
}

/** Makes such a machine. `programs` are those whose libraries a distribution has; the machine gets only the libraries. */
export async function makeEmptyMachine(programs: readonly string[]): Promise<EmptyMachine> {
  const root = await mkdtemp(path.join(tmpdir(), 'rock-mac-empty-'));
  await run('chmod', ['755', root]);
  for (const name of ['usr/bin', 'etc', 'tmp', 'proc', 'dev', 'root', 'home'])
    await mkdir(path.join(root, name), { recursive: true });
  await run('chmod', ['1777', path.join(root, 'tmp')]);
  const accounts = ['root:x:0:0::/root:/bin/sh', 'ada:x:1000:1000::/home:/bin/sh', 'nobody:x:65534:65534::/:/bin/sh'];
  await writeFile(path.join(root, 'etc/passwd'), `${accounts.join('\n')}\n`);
  await run('chown', ['1000:1000', path.join(root, 'home')]);
  for (const tool of TOOLS) {
    const { stdout } = await run('sh', ['-c', `readlink -f "$(command -v ${tool})"`]);
    await copyFile(stdout.trim(), path.join(root, 'usr/bin', tool));
    await addLibraries(root, stdout.trim());
  }
  await run('ln', ['-s', 'usr/bin', path.join(root, 'bin')]);
  for (const program of programs) await addLibraries(root, program);
  return {
    root,
    script: async (user, lines) => {
      const outer = `
        mount -t proc proc "$1/proc"
        mount --rbind /dev "$1/dev"
        exec chroot --userspec="$2" "$1" /usr/bin/sh -euc "$3"`;
      const namespaces = ['--mount', '--pid', '--net', '--fork', '--kill-child'];
      const { stdout } = await run('unshare', [...namespaces, 'sh', '-euc', outer, 'sh', root, user, lines], {
        env: { PATH: '/usr/bin:/usr/sbin:/bin:/sbin', HOME: user.startsWith('0:') ? '/root' : '/home' },
      });
      return stdout;
    },
    remove: () => rm(root, { recursive: true, force: true, maxRetries: 5 }),
  };
}
