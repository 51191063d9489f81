import { execFile } from 'node:child_process';
import { constants } from 'node:fs';
import { access, mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { withFileLock } from '../run/file-lock.ts';
import type { Log } from '../run/run.ts';
import { cacheHome } from './binaries.ts';

const run = promisify(execFile);

/** A program of others that a Go module below hack/ pins. */
export interface GoTool {
  /** For people. */
  readonly name: string;
  readonly program: string;
  /** The folder below hack/ with the module that names the program as its tool. */
  readonly folder: string;
  /** The Go module that has the program, whose version the file is cached under. */
  readonly module: string;
  /** The folder of the cache. */
  readonly cache: string;
  /** The variable with the path of such a program, instead of a build. */
  readonly variable: string;
}

/** Returns the path of the program: from the variable, from the user's cache, or from a Go build into the cache. */
export async function resolveGoTool(tool: GoTool, log: Log, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const named = env[tool.variable];
  if (named !== undefined && named !== '') return named;
  const cached = path.join(cacheHome(env), 'rock-mac', tool.cache, await pinnedVersion(tool), tool.program);
  if (await isExecutable(cached)) return cached;
  await withFileLock(`${path.dirname(cached)}.lock`, async () => {
    if (!(await isExecutable(cached))) await build(tool, cached, log, env);
  });
  return cached;
}

async function build({ name, folder, variable }: GoTool, target: string, log: Log, env: NodeJS.ProcessEnv) {
  log(`building ${name} with Go; this takes some minutes and is cached`);
  const unfinished = await mkdtemp(`${path.dirname(target)}-unfinished-`);
  try {
    const flags = ['-trimpath', '-ldflags', '-s -w', '-o', `${unfinished}/`, 'tool'];
    const options = { cwd: moduleFolder(folder), env: { ...env, CGO_ENABLED: '0' }, maxBuffer: 16e6 };
    await run('go', ['build', ...flags], options);
    await rm(path.dirname(target), { recursive: true, force: true });
    // Atomic: nobody sees an incomplete folder.
    await rename(unfinished, path.dirname(target));
  } catch (error) {
    throw new Error(`${name} cannot be built. Install Go 1.26 or newer, or set ${variable} to the path of ${name}.`, {
      cause: error,
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
}

async function pinnedVersion({ name, folder, module }: GoTool): Promise<string> {
  const file = path.join(moduleFolder(folder), 'go.mod');
  const line = (await readFile(file, 'utf8')).split('\n').find((each) => each.trim().startsWith(`${module} v`));
  const version = line?.trim().split(' ')[1];
  if (version === undefined) throw new Error(`${file} has no version of ${name}.`);
  return version;
}

function moduleFolder(folder: string): string {
  return path.join(import.meta.dirname, '../../../hack', folder);
}

async function isExecutable(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
