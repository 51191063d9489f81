import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { writeBin } from './rock-mac-shell.ts';

/** How a command ended. */
export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A command that runs. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** What it has printed so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** A shell in which kubectl finds the plugin, as the users of a cluster have it. */
export interface PluginShell {
  /** `kubectl rock-mac …` as the user of this kubeconfig. */
  rockMac(kubeconfig: string, ...args: readonly string[]): Promise<Ended>;
  start(kubeconfig: string, ...args: readonly string[]): Running;
  /** Lines of bash. */
  bash(kubeconfig: string, lines: string): Promise<Ended>;
  readonly close: () => Promise<void>;
}

/** The program is a bundle of the sources where no PATH with another is given. */
export async function openPluginShell(kubectl: string, programs?: string): Promise<PluginShell> {
  const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-plugin-'));
  await symlink(kubectl, path.join(folder, 'kubectl'));
  const bin = path.join(folder, 'bin');
  if (programs === undefined) await writeBin(bin);
  const PATH = [folder, programs ?? `${bin}:${process.env['PATH'] ?? ''}`].join(':');
  const start = (kubeconfig: string, command: string, args: readonly string[]): Running => {
    const env = { PATH, HOME: folder, KUBECONFIG: kubeconfig, TZ: 'UTC', LANG: 'C.UTF-8' };
    const child = spawn(command, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => {
        resolve({ code, stdout: stdout(), stderr: stderr() });
      });
    });
    return { child, ended, stdout, stderr };
  };
  return {
    rockMac: (kubeconfig, ...args) => start(kubeconfig, path.join(folder, 'kubectl'), ['rock-mac', ...args]).ended,
    // Past kubectl, which would get the signals of a test and not pass them on.
    start: (kubeconfig, ...args) => start(kubeconfig, 'kubectl-rock_mac', args),
    bash: (kubeconfig, lines) => start(kubeconfig, 'bash', ['-c', lines]).ended,
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Collects what a stream brings; the answer is what came so far. */
function collect(stream: ChildProcess['stdout']): () => string {
  const chunks: Buffer[] = [];
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}
