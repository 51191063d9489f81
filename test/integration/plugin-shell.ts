import { spawn, type ChildProcess } from 'node:child_process';
import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';

const repository = path.join(import.meta.dirname, '..', '..');

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** A shell in which kubectl finds the plugin, as the users of a cluster have it. */
export interface PluginShell {
  /** `kubectl rock-mac …` as the user of this kubeconfig. */
  rockMac(kubeconfig: string, ...args: readonly string[]): Promise<Ended>;
  start(kubeconfig: string, ...args: readonly string[]): Running;
  /** Lines of bash. */
  bash(kubeconfig: string, lines: string): Promise<Ended>;
  close(): Promise<void>;
}

export async function openPluginShell(kubectl: string): Promise<PluginShell> {
  const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-plugin-'));
  await symlink(kubectl, path.join(folder, 'kubectl'));
  for (const name of ['kubectl-rock_mac', 'kubectl_complete-rock_mac']) {
    // The program knows what it is by the name that it was started under.
    await symlink(path.join(repository, 'cli', 'main.ts'), path.join(folder, `${name}.ts`));
    const script = `#!/bin/sh\nexec '${process.execPath}' '${path.join(folder, name)}.ts' "$@"\n`;
    await writeFile(path.join(folder, name), script);
    await chmod(path.join(folder, name), 0o755);
  }
  const start = (kubeconfig: string, command: string, args: readonly string[]): Running => {
    const env = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, HOME: folder, KUBECONFIG: kubeconfig };
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    return { child, ended: endOf(child) };
  };
  return {
    rockMac: (kubeconfig, ...args) => start(kubeconfig, path.join(folder, 'kubectl'), ['rock-mac', ...args]).ended,
    // Past kubectl, which would get the signals of a test and not pass them on.
    start: (kubeconfig, ...args) => start(kubeconfig, path.join(folder, 'kubectl-rock_mac'), args),
    bash: (kubeconfig, lines) => start(kubeconfig, 'bash', ['-c', lines]).ended,
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

async function endOf(child: ChildProcess): Promise<Ended> {
  const code = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const read = async (stream: ChildProcess['stdout']) => (stream === null ? '' : await text(stream));
  const [stdout, stderr] = await Promise.all([read(child.stdout), read(child.stderr)]);
  return { code: await code, stdout, stderr };
}
