import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { z } from 'zod';

/** The folders in which distributions and node images have the plugins. */
const FOLDERS = ['/opt/cni/bin', '/usr/lib/cni', '/usr/libexec/cni'];

export interface CniPlugins {
  readonly folder: string;
}

/** Returns the CNI plugins of this machine, or why they cannot be used. */
export function findCniPlugins(names: readonly string[]): CniPlugins | { readonly missing: string } {
  if (process.getuid?.() !== 0) return { missing: 'network namespaces need root' };
  const folder = FOLDERS.find((each) => names.every((name) => existsSync(path.join(each, name))));
  if (folder === undefined) {
    return {
      missing: `no CNI plugins (${names.join(', ')}) in ${FOLDERS.join(', ')}; Debian: containernetworking-plugins`,
    };
  }
  try {
    execFileSync('unshare', ['--net', 'true'], { stdio: 'pipe' });
  } catch (error) {
    return { missing: `no network namespace can be made: ${String(error)}` };
  }
  return { folder };
}

const links = z.array(z.object({ ifname: z.string(), address: z.string() }));

/**
 * A network namespace that a process of its own keeps open. The kernel removes it with all its links when that process ends:
 * at the latest when the test run ends, even by SIGKILL.
 */
export interface NetworkNamespace {
  readonly path: string;
  /** Runs a program in this namespace, and returns its output. */
  run(program: string, args: readonly string[], options?: ProgramOptions): Promise<string>;
  /** Returns the MAC address of an interface in the kernel. */
  macOf(interfaceName: string): Promise<string>;
  remove(): Promise<void>;
}

interface ProgramOptions {
  readonly stdin?: string;
  readonly env?: NodeJS.ProcessEnv;
}

export async function makeNetworkNamespace(): Promise<NetworkNamespace> {
  // `cat` ends when its input does, and only this process has the other end.
  const holder = spawn('unshare', ['--net', 'cat'], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = once(holder, 'close');
  holder.stdin.write('ready');
  await Promise.race([once(holder.stdout, 'data'), ended.then(() => Promise.reject(new Error('unshare has ended')))]);
  const namespace = `/proc/${String(holder.pid)}/ns/net`;
  const runInside: NetworkNamespace['run'] = (program, args, options) =>
    exec('nsenter', [`--net=${namespace}`, program, ...args], options);
  return {
    path: namespace,
    run: runInside,
    macOf: async (interfaceName) => {
      const found = links.parse(JSON.parse(await runInside('ip', ['-j', 'link', 'show', 'dev', interfaceName])));
      return found[0]?.address ?? 'none';
    },
    remove: async () => {
      holder.stdin.end();
      await ended;
    },
  };
}

export interface Attached {
  readonly interfaceName: string;
  /** The address from the pod's annotation. */
  readonly mac: string | undefined;
}

const network = z.looseObject({
  cniVersion: z.string(),
  name: z.string(),
  plugins: z.array(z.looseObject({ type: z.string(), capabilities: z.record(z.string(), z.boolean()).optional() })),
});

export interface Participants {
  readonly plugins: CniPlugins;
  /** The namespace in which the plugins run. */
  readonly node: NetworkNamespace;
  /** The namespace that gets the interface. */
  readonly pod: NetworkNamespace;
}

/**
 * Runs a network's chain of plugins the way Multus does: the address in CNI_ARGS always, and as runtimeConfig for the
 * plugins that declare the capability (multus-cni: pkg/multus, DelegateAdd; CNI: libcni, injectRuntimeConfig).
 */
export async function addToNetwork(
  config: string,
  { interfaceName, mac }: Attached,
  { plugins, node, pod }: Participants,
): Promise<void> {
  const { cniVersion, name, plugins: chain } = network.parse(JSON.parse(config));
  const env = {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: 'rm-e2e',
    CNI_NETNS: pod.path,
    CNI_IFNAME: interfaceName,
    CNI_PATH: plugins.folder,
    CNI_ARGS: `IgnoreUnknown=true;K8S_POD_NAMESPACE=default;K8S_POD_NAME=e2e${mac === undefined ? '' : `;MAC=${mac}`}`,
    PATH: process.env['PATH'],
  };
  let prevResult: unknown;
  for (const plugin of chain) {
    const runtimeConfig = plugin.capabilities?.['mac'] === true && mac !== undefined ? { mac } : undefined;
    const stdin = {
      cniVersion,
      name,
      ...plugin,
      ...(runtimeConfig && { runtimeConfig }),
      ...(prevResult !== undefined && { prevResult }),
    };
    const program = path.join(plugins.folder, plugin.type);
    prevResult = JSON.parse(await node.run(program, [], { stdin: JSON.stringify(stdin), env }));
  }
}

async function exec(
  program: string,
  args: readonly string[],
  { stdin = '', env }: ProgramOptions = {},
): Promise<string> {
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  // A program that ends before it reads its input breaks the pipe. Its exit code says more.
  child.stdin.once('error', () => undefined).end(stdin);
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')} exited with ${String(code)}: ${stdout} ${stderr}`);
  return stdout;
}
