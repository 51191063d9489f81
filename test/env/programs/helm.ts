import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { cacheHome } from './binaries.ts';
import { withFileLock } from '../run/file-lock.ts';
import type { Log } from '../run/run.ts';

const run = promisify(execFile);

/** Helm 3 merges on the client, Helm 4 applies on the server: a chart has to stand both. */
export const helmMajors = [3, 4] as const;
export type HelmMajor = (typeof helmMajors)[number];

/**
 * The path of a Helm program: the variable HELM3 or HELM4, the user's cache, or a Go build of hack/helm3 or hack/helm4 into
 * it (some 2 minutes each on two cores, once, and less with what the Kubernetes programs have left in Go's cache). Not the
 * one on the PATH: tests are about the versions that are pinned.
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
  log(`building Helm ${major} with Go; this takes some minutes once`);
  const folder = await mkdtemp(`${path.dirname(target)}-unfinished-`);
  try {
    const flags = ['-trimpath', '-ldflags', '-s -w', '-o', `${folder}/`, 'tool'];
    await run('go', ['build', ...flags], {
      cwd: moduleFolder(major),
      env: { ...env, CGO_ENABLED: '0' },
      maxBuffer: 16e6,
    });
    await rm(path.dirname(target), { recursive: true, force: true });
    // In one step: nobody ever sees a part of it.
    await rename(folder, path.dirname(target));
  } catch (error) {
    throw new Error(
      `Helm ${major} cannot be built. Install Go 1.26 or newer, or name a Helm ${major} by the variable HELM${major}.`,
      { cause: error },
    );
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function pinnedVersion(major: HelmMajor): Promise<string> {
  const file = path.join(moduleFolder(major), 'go.mod');
  const version = new RegExp(`helm\\.sh/helm/v${major} (v\\S+)`).exec(await readFile(file, 'utf8'))?.[1];
  if (version === undefined) throw new Error(`${file} names no version of Helm ${major}.`);
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
