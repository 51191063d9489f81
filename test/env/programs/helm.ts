import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { withFileLock } from '../run/file-lock.ts';
import type { Log } from '../run/run.ts';
import { cacheHome } from './binaries.ts';

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
export async function resolveHelm(major: HelmMajor, log: Log, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const named = env[`HELM${major}`];
  if (named !== undefined && named !== '') return named;
  const cached = path.join(cacheHome(env), 'rock-mac', 'helm', await pinnedVersion(major), 'helm');
  if (await isExecutable(cached)) return cached;
  await withFileLock(`${path.dirname(cached)}.lock`, async () => {
    if (!(await isExecutable(cached))) await build(major, cached, log, env);
  });
  return cached;
}

async function build(major: HelmMajor, target: string, log: Log, env: NodeJS.ProcessEnv): Promise<void> {
  log(`building Helm ${major} with Go; this takes some minutes and is cached`);
  const folder = await mkdtemp(`${path.dirname(target)}-unfinished-`);
  try {
    const flags = ['-trimpath', '-ldflags', '-s -w', '-o', `${folder}/`, 'tool'];
    await run('go', ['build', ...flags], {
      cwd: moduleFolder(major),
      env: { ...env, CGO_ENABLED: '0' },
      maxBuffer: 16e6,
    });
    await rm(path.dirname(target), { recursive: true, force: true });
    // Atomic: nobody sees an incomplete folder.
    await rename(folder, path.dirname(target));
  } catch (error) {
    throw new Error(
      `Helm ${major} cannot be built. Install Go 1.26 or newer, or set HELM${major} to the path of a Helm ${major}.`,
      { cause: error },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function pinnedVersion(major: HelmMajor): Promise<string> {
  const file = path.join(moduleFolder(major), 'go.mod');
  const version = new RegExp(`helm\\.sh/helm/v${major} (v\\S+)`).exec(await readFile(file, 'utf8'))?.[1];
  if (version === undefined) throw new Error(`${file} has no version of Helm ${major}.`);
  return version;
}

function moduleFolder(major: HelmMajor): string {
  return path.join(import.meta.dirname, '../../../hack', `helm${major}`);
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
