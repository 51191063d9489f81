import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ControlPlane } from '../env/kubernetes/control-plane.ts';
import { eventually } from '../env/run/eventually.ts';
import { writeBin } from './rock-mac-shell.ts';

/** The result of a command. */
export interface Ended {
  /** Null if a signal ended the command. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running command. */
export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** Returns the output so far. */
  readonly stdout: () => string;
  readonly stderr: () => string;
}

/** A shell in which kubectl finds the plugin. */
export interface PluginShell {
  /** Runs `kubectl rock-mac` with these arguments, as the user of the kubeconfig. */
  rockMac(kubeconfig: string, ...args: readonly string[]): Promise<Ended>;
  start(kubeconfig: string, ...args: readonly string[]): Running;
  /** Runs a bash script. */
  bash(kubeconfig: string, lines: string): Promise<Ended>;
  readonly close: () => Promise<void>;
}

/** Opens a shell. `programs` is a PATH with the plugin; by default it is a bundle of the sources. */
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
    // Without kubectl, which does not forward the signals of a test.
    start: (kubeconfig, ...args) => start(kubeconfig, 'kubectl-rock_mac', args),
    bash: (kubeconfig, lines) => start(kubeconfig, 'bash', ['-c', lines]).ended,
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

/** The kubeconfigs of the users of an installation. */
interface Users {
  /** May use the pool development in the namespace default. */
  readonly dev: string;
  /** May read the whole ledger. */
  readonly ada: string;
  readonly admin: string;
}

/** Creates the users in an installation, and waits until they have their permissions. */
export async function usersOf(plane: ControlPlane, shell: PluginShell): Promise<Users> {
  const [dev, ada] = [await plane.userKubeconfig('dev'), await plane.userKubeconfig('ada')];
  const rules = [
    { apiGroups: ['mac.rock-os.io'], resources: ['macallocations'], verbs: ['*'] },
    { apiGroups: ['mac.rock-os.io'], resources: ['macpools'], resourceNames: ['development'], verbs: ['use'] },
  ];
  const metadata = { name: 'dev' };
  const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata, rules };
  await plane.kubectl(['apply', '-f', '-'], { input: JSON.stringify(role) });
  await plane.kubectl(['create', 'rolebinding', 'dev', '--clusterrole=dev', '--user=dev']);
  await plane.kubectl(['create', 'clusterrolebinding', 'ada', '--clusterrole=rock-mac-auditor', '--user=ada']);
  await eventually(() => plane.kubectl(['get', 'pools.ledger.mac.rock-os.io']), { within: 60_000 });
  // The API server watches RBAC and the policy, so they take effect a moment later.
  await eventually(
    async () => {
      const tried = await shell.rockMac(dev, 'allocate', '--dry-run');
      if (tried.code !== 0) throw new Error(tried.stderr);
    },
    { within: 60_000, every: 500 },
  );
  return { dev, ada, admin: plane.kubeconfig };
}

/** Collects a stream. The returned function returns the text so far. */
function collect(stream: ChildProcess['stdout']): () => string {
  const chunks: Buffer[] = [];
  stream?.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}
