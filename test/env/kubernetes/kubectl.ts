import { spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';

export interface KubectlOptions {
  /** Its stdin, for `apply -f -`. */
  readonly input?: string;
}

/** Runs kubectl. Resolves with its stdout. Throws with its stderr if it fails. */
export type Kubectl = (args: readonly string[], options?: KubectlOptions) => Promise<string>;

/** Returns kubectl for one kubeconfig. */
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
    // The discovery cache is beside the kubeconfig, so it is removed with the control plane.
    env: { PATH: process.env['PATH'], HOME: path.dirname(kubeconfig) },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.on('error', () => {
    // kubectl may exit without reading its stdin. Its exit code decides.
  });
  child.stdin.end(options.input ?? '');
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(`kubectl ${args.join(' ')} exited with ${code ?? 'a signal'}: ${stderr.trim()}`);
  return stdout;
}
