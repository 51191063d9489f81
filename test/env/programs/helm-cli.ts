import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Runs Helm; resolves with its stdout, throws with its stderr when it fails. */
export type Helm = (args: readonly string[]) => Promise<string>;

/** Helm for one cluster and user: the program's path and a kubeconfig's, beside which it keeps its files. */
export function helmFor(program: string, kubeconfig: string): Helm {
  const env = { PATH: process.env['PATH'], HOME: path.dirname(kubeconfig), KUBECONFIG: kubeconfig };
  return async (args) => (await run(program, [...args], { env, maxBuffer: 16e6 })).stdout;
}
