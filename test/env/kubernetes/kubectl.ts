import { spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';

export interface KubectlOptions {
  /** Text for its stdin, as for `apply -f -`. */
  readonly input?: string;
}

/** Runs kubectl; resolves with its stdout, throws with its stderr when it fails. */
export type Kubectl = (args: readonly string[], options?: KubectlOptions) => Promise<string>;

/** kubectl for one cluster and user: the program's path and a kubeconfig's. */
export function kubectlFor(program: string, kubeconfig: string): Kubectl {
  return (args, options = {}) => runKubectl(program, kubeconfig, args, options);
}

async function runKubectl(
  program: string,
  kubeconfig: string,
  args: readonly string[],
  options: KubectlOptions,
): Promise<string> {
  const child = spawn(program, [`--kubeconfig=${kubeconfig}`, ...args], {
    // Its discovery cache goes beside the kubeconfig, and so away with the control plane.
    env: { PATH: process.env['PATH'], HOME: path.dirname(kubeconfig) },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.on('error', () => {
    // kubectl may end without reading what it was given; its exit code tells
  });
  child.stdin.end(options.input ?? '');
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} ended with ${code ?? 'a signal'}: ${stderr.trim()}`);
  return stdout;
}
