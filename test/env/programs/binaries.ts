import { constants } from 'node:fs';
import { access, chmod, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { withFileLock } from '../run/file-lock.ts';
import { type Log, logToStderr, openRun, type Run } from '../run/run.ts';
import { type ComponentVersions, readComponentVersions } from './component-versions.ts';
import { goBuild } from './go-build.ts';
import { downloadReleases, type Platform } from './release-download.ts';

/** The paths of the Kubernetes programs. All are in `folder`. */
export interface Binaries {
  readonly folder: string;
  readonly etcd: string;
  readonly kubeApiserver: string;
  readonly kubeControllerManager: string;
  readonly kubectl: string;
}

export interface BinariesOptions {
  /** The run that the processes of a build belong to. By default a build opens its own run. */
  readonly run?: Run;
  readonly log?: Log;
  /** The environment with KUBEBUILDER_ASSETS, XDG_CACHE_HOME and HOME. Go gets it too. */
  readonly env?: NodeJS.ProcessEnv;
  readonly kubernetesUrl?: string;
  readonly etcdUrl?: string;
  readonly connectWithinMs?: number;
  readonly go?: string;
  readonly moduleFolder?: string;
  readonly progressEveryMs?: number;
}

type Settings = Required<Omit<BinariesOptions, 'run'>> & Pick<BinariesOptions, 'run'>;

const programs = {
  etcd: 'etcd',
  kubeApiserver: 'kube-apiserver',
  kubeControllerManager: 'kube-controller-manager',
  kubectl: 'kubectl',
} as const;

const unfinishedPrefix = '.unfinished-';

/**
 * Finds, downloads or builds the Kubernetes programs. It tries KUBEBUILDER_ASSETS, the user's cache folder, a download of the
 * official releases and a Go build of hack/control-plane, and logs which one worked. The last two fill the cache. Throws if
 * none works, with the software to install.
 */
export async function resolveBinaries(options: BinariesOptions = {}): Promise<Binaries> {
  const settings = withDefaults(options);
  const versions = await readComponentVersions(settings.moduleFolder);
  const platform = goPlatform();
  const cache = path.join(
    cacheHome(settings.env),
    `rock-mac/control-plane/${versions.kubernetes}-${versions.etcd}/${platform.os}-${platform.arch}`,
  );
  const assets = await fromAssets(settings);
  if (assets !== undefined) return taken(settings, 'KUBEBUILDER_ASSETS', assets);
  if (await isComplete(cache)) return taken(settings, 'the cache', cache);
  const way = await withFileLock(
    `${cache}.lock`,
    // The previous holder of the lock has probably filled the cache.
    async () => ((await isComplete(cache)) ? 'the cache' : fillCache(cache, versions, platform, settings)),
    {
      onWait: ({ pid }) => {
        settings.log(`waiting for process ${pid}, which is already getting the Kubernetes programs`);
      },
    },
  );
  return taken(settings, way, cache);
}

function withDefaults(options: BinariesOptions): Settings {
  return {
    log: options.run?.log ?? logToStderr,
    env: process.env,
    kubernetesUrl: 'https://dl.k8s.io',
    etcdUrl: 'https://github.com/etcd-io/etcd/releases/download',
    connectWithinMs: 3_000,
    go: 'go',
    moduleFolder: path.join(import.meta.dirname, '../../../hack/control-plane'),
    progressEveryMs: 15_000,
    ...options,
  };
}

async function fillCache(
  cache: string,
  versions: ComponentVersions,
  platform: Platform,
  settings: Settings,
): Promise<string> {
  const parent = path.dirname(cache);
  await removeUnfinished(parent);
  const failures: string[] = [];
  const attempt = async (way: string, fill: (folder: string) => Promise<void>) => {
    const folder = await mkdtemp(path.join(parent, unfinishedPrefix));
    try {
      await fill(folder);
      await publish(folder, cache);
      return way;
    } catch (error) {
      failures.push(`${way}: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
  const way =
    (await attempt('the download of the official releases', (folder) =>
      downloadReleases(folder, { ...settings, versions, platform }),
    )) ??
    (await attempt('a Go build', (folder) => {
      settings.log(`no download (${failures.join('; ')})`);
      return withRun(settings, (run) => goBuild(folder, { ...settings, versions, run }));
    }));
  if (way === undefined) throw noWay(versions, cache, failures);
  return way;
}

/** Renames the temporary folder to the cache in one atomic step: nobody sees an incomplete cache. */
async function publish(folder: string, cache: string): Promise<void> {
  const lacks = await missing(folder);
  if (lacks.length > 0) throw new Error(`it did not create ${lacks.join(', ')}`);
  await chmod(folder, 0o755); // mkdtemp closes it to other users, who may share a cache
  await rm(cache, { recursive: true, force: true }); // an incomplete one: somebody has deleted from it
  await rename(folder, cache);
}

/** The caller holds the lock, so the processes that filled these folders are dead. */
async function removeUnfinished(parent: string): Promise<void> {
  const leftovers = (await readdir(parent)).filter((name) => name.startsWith(unfinishedPrefix));
  await Promise.all(leftovers.map((name) => rm(path.join(parent, name), { recursive: true, force: true })));
}

async function withRun<T>(settings: Settings, use: (run: Run) => Promise<T>): Promise<T> {
  if (settings.run !== undefined) return use(settings.run);
  const run = await openRun({ log: settings.log });
  try {
    return await use(run);
  } finally {
    await run.close();
  }
}

async function fromAssets({ env, log }: Settings): Promise<string | undefined> {
  const folder = env['KUBEBUILDER_ASSETS'];
  if (folder === undefined || folder === '') return undefined;
  const lacks = await missing(folder);
  if (lacks.length === 0) return path.resolve(folder);
  log(`KUBEBUILDER_ASSETS (${folder}) is ignored, because it lacks ${lacks.join(', ')}`);
  return undefined;
}

/** Returns the cache folder of this user. */
export function cacheHome(env: NodeJS.ProcessEnv): string {
  const named = env['XDG_CACHE_HOME'];
  if (named !== undefined && path.isAbsolute(named)) return named;
  return path.join(env['HOME'] ?? homedir(), '.cache');
}

function goPlatform(): Platform {
  return { os: process.platform, arch: process.arch === 'x64' ? 'amd64' : process.arch };
}

async function missing(folder: string): Promise<string[]> {
  const found = await Promise.all(
    Object.values(programs).map(async (name) => {
      try {
        await access(path.join(folder, name), constants.X_OK);
        return [];
      } catch {
        return [name];
      }
    }),
  );
  return found.flat();
}

async function isComplete(folder: string): Promise<boolean> {
  return (await missing(folder)).length === 0;
}

function taken({ log }: Settings, way: string, folder: string): Binaries {
  log(`Kubernetes programs by ${way}: ${folder}`);
  return {
    folder,
    etcd: path.join(folder, programs.etcd),
    kubeApiserver: path.join(folder, programs.kubeApiserver),
    kubeControllerManager: path.join(folder, programs.kubeControllerManager),
    kubectl: path.join(folder, programs.kubectl),
  };
}

function noWay(versions: ComponentVersions, cache: string, failures: readonly string[]): Error {
  return new Error(
    [
      `The Kubernetes programs were not found and could not be built (${Object.values(programs).join(', ')}):`,
      '- KUBEBUILDER_ASSETS does not name a folder that has all of them',
      `- ${cache} does not have them`,
      ...failures.map((failure) => `- ${failure}`),
      `Install Go ${versions.go} or newer (https://go.dev/dl), or allow access to dl.k8s.io and github.com,`,
      'or put all four programs into a folder and set KUBEBUILDER_ASSETS to it.',
    ].join('\n'),
  );
}
