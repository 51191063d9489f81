import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { cacheHome } from './binaries.ts';
import { withOwnerLock } from './owner-lock.ts';
import type { Log } from './run.ts';

const run = promisify(execFile);
const moduleFolder = path.join(import.meta.dirname, '../../hack/helm');

/**
 * The path of a Helm program: the variable HELM, the user's cache, or a Go build of hack/helm into it (some 4 minutes on
 * two cores, once). Not the one on the PATH: tests are about the version that is pinned.
 */
export async function resolveHelm(log: Log, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const named = env['HELM'];
  if (named !== undefined && named !== '') return named;
  const cached = path.join(cacheHome(env), 'rock-mac', 'helm', await pinnedVersion(), 'helm');
  if (await isExecutable(cached)) return cached;
  await withOwnerLock(`${path.dirname(cached)}.lock`, async () => {
    if (!(await isExecutable(cached))) await build(cached, log, env);
  });
  return cached;
}

async function build(target: string, log: Log, env: NodeJS.ProcessEnv): Promise<void> {
  log('building Helm with Go; this takes some minutes once');
  const folder = await mkdtemp(`${path.dirname(target)}-unfinished-`);
  try {
    const flags = ['-trimpath', '-ldflags', '-s -w', '-o', `${folder}/`, 'tool'];
    await run('go', ['build', ...flags], { cwd: moduleFolder, env: { ...env, CGO_ENABLED: '0' }, maxBuffer: 16e6 });
    await rm(path.dirname(target), { recursive: true, force: true });
    // In one step: nobody ever sees a part of it.
    await rename(folder, path.dirname(target));
  } catch (error) {
    throw new Error('Helm cannot be built. Install Go 1.26 or newer, or name a Helm 4 by the variable HELM.', {
      cause: error,
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function pinnedVersion(): Promise<string> {
  const goMod = await readFile(path.join(moduleFolder, 'go.mod'), 'utf8');
  const version = /helm\.sh\/helm\/v4 (v\S+)/.exec(goMod)?.[1];
  if (version === undefined) throw new Error('hack/helm/go.mod names no version of Helm.');
  return version;
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
