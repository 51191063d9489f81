import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { withFileLock } from '../run/file-lock.ts';
import type { Log } from '../run/run.ts';
import { cacheHome } from './binaries.ts';
import { pinnedVersion } from './component-versions.ts';
import { linkerFlags } from './go-build.ts';

const run = promisify(execFile);

/** The programs of a node, and where they are. */
export interface NodePrograms {
  readonly kubelet: string;
  readonly kubeScheduler: string;
  /** The folder of Multus and of the CNI plugins. */
  readonly cniFolder: string;
  /** For PATH: containerd with its shim, ctr and runc. */
  readonly containerdFolders: readonly [bin: string, sbin: string];
  /** Statically linked: the content of images. */
  readonly busybox: string;
  readonly pause: string;
}

export interface NodeProgramsOptions {
  readonly log: Log;
  readonly env?: NodeJS.ProcessEnv;
}

const moduleFolder = path.join(import.meta.dirname, '../../../hack/node');
const KUBERNETES = 'k8s.io/kubernetes';
const MULTUS = 'gopkg.in/k8snetworkplumbingwg/multus-cni.v4';
const PLUGINS = 'github.com/containernetworking/plugins';

/** Go programs that are not CNI plugins, by their names in the cache. */
const NOT_CNI = ['kubelet', 'kube-scheduler', 'pause'];

/**
 * containerd is not one of the Go programs, because runc needs a C compiler and libseccomp. The packages are unpacked into the
 * cache and not installed: the machine gets no new service, and no root is needed.
 */
const DEBIAN_PACKAGES = ['containerd', 'runc', 'busybox-static'];

/**
 * Returns the programs of a node from the user's cache. Otherwise builds kubelet, kube-scheduler, Multus and the CNI plugins
 * with Go, and unpacks containerd from Debian's packages. Right after a build of the control plane this takes 2 minutes on two
 * cores. Throws with the software to install.
 */
export async function resolveNodePrograms({ log, env = process.env }: NodeProgramsOptions): Promise<NodePrograms> {
  const cache = await nodeProgramsFolder(env);
  await withFileLock(`${cache}.lock`, async () => {
    if (existsSync(cache)) return;
    log('getting the programs of a node with Go and apt-get; this takes some minutes and is cached');
    await fillCache(cache, env);
  });
  return programsIn(cache);
}

/** Returns why there are no programs of a node in the user's cache, or undefined if there are. */
export async function missingNodePrograms(env: NodeJS.ProcessEnv = process.env): Promise<string | undefined> {
  const cache = await nodeProgramsFolder(env);
  return existsSync(cache) ? undefined : 'the programs of a node are missing; run `make node-binaries`';
}

async function nodeProgramsFolder(env: NodeJS.ProcessEnv): Promise<string> {
  const versions = await Promise.all([KUBERNETES, MULTUS, PLUGINS].map(versionOf));
  return path.join(cacheHome(env), 'rock-mac', 'node', versions.join('-'));
}

async function versionOf(module: string): Promise<string> {
  const file = path.join(moduleFolder, 'go.mod');
  return pinnedVersion(await readFile(file, 'utf8'), module, file);
}

function programsIn(cache: string): NodePrograms {
  const debian = path.join(cache, 'debian');
  return {
    kubelet: path.join(cache, 'kubelet'),
    kubeScheduler: path.join(cache, 'kube-scheduler'),
    pause: path.join(cache, 'pause'),
    cniFolder: path.join(cache, 'cni'),
    containerdFolders: [path.join(debian, 'usr/bin'), path.join(debian, 'usr/sbin')],
    // Releases with a merged /usr have it there.
    busybox: path.join(debian, existsSync(path.join(debian, 'bin')) ? 'bin/busybox' : 'usr/bin/busybox'),
  };
}

/** Renames the complete folder to the cache in one atomic step. */
async function fillCache(cache: string, env: NodeJS.ProcessEnv): Promise<void> {
  const folder = await mkdtemp(`${cache}-unfinished-`);
  try {
    await unpackDebianPackages(folder);
    await buildWithGo(folder, env);
    await rename(folder, cache);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function unpackDebianPackages(folder: string): Promise<void> {
  const downloads = path.join(folder, 'downloads');
  await mkdir(downloads);
  try {
    // Without the setting apt-get warns that its own user cannot write to the folder.
    await run('apt-get', ['-o', 'APT::Sandbox::User=', 'download', ...DEBIAN_PACKAGES], { cwd: downloads });
    for (const file of await readdir(downloads)) {
      await run('dpkg', ['-x', path.join(downloads, file), path.join(folder, 'debian')]);
    }
  } catch (cause) {
    const packages = DEBIAN_PACKAGES.join(', ');
    throw new Error(`The Debian packages ${packages} cannot be downloaded. Run \`apt-get update\` first.`, { cause });
  }
  await rm(downloads, { recursive: true });
}

async function buildWithGo(folder: string, env: NodeJS.ProcessEnv): Promise<void> {
  const cni = path.join(folder, 'cni');
  await mkdir(cni);
  const options = { cwd: moduleFolder, env: { ...env, CGO_ENABLED: '0' }, maxBuffer: 16e6 };
  const stamps = linkerFlags({ kubernetes: await versionOf(KUBERNETES) });
  try {
    const modFile = await modFileWithMultus(folder, options);
    const flags = ['-trimpath', '-ldflags', stamps, '-modfile', modFile];
    await run('go', ['build', ...flags, '-o', `${cni}/`, 'tool', './pause'], options);
  } catch (cause) {
    throw new Error('The programs of a node cannot be built. Install the Go of hack/node/go.mod or newer.', { cause });
  }
  await rm(path.join(folder, 'multus'), { recursive: true });
  for (const name of NOT_CNI) await rename(path.join(cni, name), path.join(folder, name));
}

/**
 * Returns a go.mod for `go build -modfile` with a copy of Multus that compiles against the Kubernetes of the control plane, where
 * one field has another spelling. Against its own, older Kubernetes the build takes 5 minutes longer.
 */
async function modFileWithMultus(folder: string, options: { readonly cwd: string }): Promise<string> {
  await run('go', ['mod', 'download', MULTUS], options);
  const { stdout } = await run('go', ['list', '-m', '-f', '{{.Dir}}', MULTUS], options);
  const copy = path.join(folder, 'multus');
  const isNeeded = (file: string) => path.basename(file) !== 'vendor';
  await cp(stdout.trim(), copy, { recursive: true, filter: isNeeded });
  const changed = path.join(copy, 'pkg/kubeletclient/kubeletclient.go');
  const text = await readFile(changed, 'utf8');
  await rm(changed); // Go's module cache is read-only, and so are copies of it
  await writeFile(changed, text.replace('claimResource.CDIDevices', 'claimResource.CdiDevices'));

  const modFile = path.join(folder, 'go.mod');
  const goMod = await readFile(path.join(moduleFolder, 'go.mod'), 'utf8');
  await writeFile(modFile, `${goMod}\nreplace ${MULTUS} => ${copy}\n`);
  await cp(path.join(moduleFolder, 'go.sum'), path.join(folder, 'go.sum'));
  return modFile;
}
