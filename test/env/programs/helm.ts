import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import type { Log } from '../run/run.ts';
import { resolveGoTool } from './go-tool.ts';

const run = promisify(execFile);

/** Runs Helm. Resolves with its stdout. Throws with its stderr if it fails. */
export type Helm = (args: readonly string[]) => Promise<string>;

/** Returns Helm for one kubeconfig. Helm keeps its own files beside the kubeconfig. */
export function helmFor(program: string, kubeconfig: string): Helm {
  const env = { PATH: process.env['PATH'], HOME: path.dirname(kubeconfig), KUBECONFIG: kubeconfig };
  return async (args) => (await run(program, [...args], { env, maxBuffer: 16e6 })).stdout;
}

/** Helm 3 merges on the client, Helm 4 uses server-side apply. The chart must work with both. */
export const helmMajors = [3, 4] as const;
export type HelmMajor = (typeof helmMajors)[number];

/**
 * Returns the path of a Helm program: from the variable HELM3 or HELM4, from the user's cache, or from a Go build of hack/helm3
 * or hack/helm4 into the cache. The build takes about 2 minutes on two cores. The Helm on the PATH is not used, because the
 * tests need the pinned versions.
 */
export function resolveHelm(major: HelmMajor, log: Log, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const places = { folder: `helm${major}`, module: `helm.sh/helm/v${major}`, cache: 'helm', variable: `HELM${major}` };
  return resolveGoTool({ name: `Helm ${major}`, program: 'helm', ...places }, log, env);
}
