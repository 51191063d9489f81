import { execFile } from 'node:child_process';
import { readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { logTail } from '../run/child-process.ts';
import { withProgress } from '../run/progress.ts';
import type { Run } from '../run/run.ts';
import type { ComponentVersions } from './component-versions.ts';

export interface GoBuildOptions {
  readonly versions: ComponentVersions;
  /** The Go command, `go` or a path. */
  readonly go: string;
  /** The folder of the Go module that names the programs as tools. */
  readonly moduleFolder: string;
  readonly progressEveryMs: number;
  readonly run: Run;
  readonly env: NodeJS.ProcessEnv;
}

/** Builds all programs into `folder`. It takes 5 to 7 minutes on two cores, or half a minute with Go's caches. */
export async function goBuild(folder: string, options: GoBuildOptions): Promise<void> {
  const { go, versions, moduleFolder, run } = options;
  const env = { ...options.env, CGO_ENABLED: '0' };
  const version = await goVersion(options);
  const total = await countPackages(options);
  run.log(`building ${total} packages of Kubernetes ${versions.kubernetes} and etcd ${versions.etcd} with ${version};`);
  run.log('the first build takes up to 15 minutes, later builds half a minute');
  const build = await run.spawn({
    name: 'go-build',
    command: go,
    args: ['build', '-v', '-trimpath', '-ldflags', linkerFlags(versions), '-o', folder, 'tool'],
    cwd: moduleFolder,
    env,
  });
  const progress = { text: '' };
  const reader = setInterval(() => void describe(build.logFile, total).then((text) => (progress.text = text)), 1_000);
  try {
    const { code, signal } = await withProgress(
      { log: run.log, everyMs: options.progressEveryMs, describe: () => progress.text },
      () => build.exited,
    );
    if (code !== 0) {
      throw new Error(`go build exited with ${signal ?? `code ${code ?? '?'}`}:\n${logTail(build.logFile)}`);
    }
  } finally {
    clearInterval(reader);
  }
  await rename(path.join(folder, 'server'), path.join(folder, 'etcd'));
}

/** Without these flags the API server reports version v0.0.0, which breaks clients that compare versions. */
export function linkerFlags({ kubernetes }: Pick<ComponentVersions, 'kubernetes'>): string {
  const [major = '', minor = ''] = kubernetes.replace(/^v/, '').split('.');
  const stamp = (name: string, value: string) => `-X k8s.io/component-base/version.${name}=${value}`;
  return ['-s -w', stamp('gitVersion', kubernetes), stamp('gitMajor', major), stamp('gitMinor', minor)].join(' ');
}

/** Describes the progress from the output of `go build -v`, which prints a line for each compiled package. */
export function describeBuild(log: string, total: number): string {
  const packages = log.split('\n').filter((line) => line !== '' && !line.startsWith('go: '));
  const last = packages.at(-1);
  if (last !== undefined) return `${packages.length} of at most ${total} packages compiled, now after ${last}`;
  return log === '' ? "nothing compiled, linking from Go's cache" : 'Go is fetching modules';
}

async function describe(logFile: string, total: number): Promise<string> {
  return describeBuild(await readFile(logFile, 'utf8'), total);
}

async function goVersion({ go, versions, moduleFolder, env }: GoBuildOptions): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(go, ['version'], { cwd: moduleFolder, env });
    return stdout.trim();
  } catch (error) {
    throw new Error(`the command ${go} failed; Go ${versions.go} or newer is needed`, { cause: error });
  }
}

async function countPackages({ go, moduleFolder, env, run, progressEveryMs }: GoBuildOptions): Promise<number> {
  const listing = promisify(execFile)(go, ['list', '-deps', 'tool'], {
    cwd: moduleFolder,
    env: { ...env, CGO_ENABLED: '0' },
    maxBuffer: 16e6,
  });
  const waiting = { log: run.log, everyMs: progressEveryMs, describe: () => 'Go is fetching the modules to build' };
  const { stdout } = await withProgress(waiting, () => listing);
  return stdout.trimEnd().split('\n').length;
}
