import { execFile, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { z } from 'zod';

const run = promisify(execFile);

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
  const probe = `rm-probe-${randomBytes(2).toString('hex')}`;
  try {
    execFileSync('ip', ['netns', 'add', probe], { stdio: 'pipe' });
    execFileSync('ip', ['netns', 'delete', probe], { stdio: 'pipe' });
  } catch (error) {
    return { missing: `no network namespace can be made: ${String(error)}` };
  }
  return { folder };
}

const links = z.array(z.object({ ifname: z.string(), address: z.string() }));

/** A network namespace in which plugins create interfaces, like that of a pod. */
export interface NetworkNamespace {
  readonly path: string;
  /** Returns the MAC address of an interface in the kernel. */
  macOf(interfaceName: string): Promise<string>;
  remove(): Promise<void>;
}

export async function makeNetworkNamespace(): Promise<NetworkNamespace> {
  const name = `rm-${randomBytes(3).toString('hex')}`;
  await ip('netns', 'add', name);
  return {
    path: `/var/run/netns/${name}`,
    macOf: async (interfaceName) => {
      const found = links.parse(JSON.parse(await ip('-n', name, '-j', 'link', 'show', 'dev', interfaceName)));
      return found[0]?.address ?? 'none';
    },
    remove: async () => {
      await ip('netns', 'delete', name);
    },
  };
}

export async function ip(...args: readonly string[]): Promise<string> {
  return (await run('ip', [...args])).stdout;
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

/**
 * Runs a network's chain of plugins the way Multus does: the address in CNI_ARGS always, and as runtimeConfig for the
 * plugins that declare the capability (multus-cni: pkg/multus, DelegateAdd; CNI: libcni, injectRuntimeConfig).
 */
export async function addToNetwork(
  config: string,
  { interfaceName, mac }: Attached,
  { plugins, namespace }: { readonly plugins: CniPlugins; readonly namespace: NetworkNamespace },
): Promise<void> {
  const { cniVersion, name, plugins: chain } = network.parse(JSON.parse(config));
  const env = {
    CNI_COMMAND: 'ADD',
    CNI_CONTAINERID: path.basename(namespace.path),
    CNI_NETNS: namespace.path,
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
    prevResult = JSON.parse(await exec(path.join(plugins.folder, plugin.type), stdin, env));
  }
}

async function exec(program: string, stdin: object, env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(program, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  child.stdin.end(JSON.stringify(stdin));
  const [stdout, stderr, code] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (code !== 0) throw new Error(`${program} exited with ${String(code)}: ${stdout} ${stderr}`);
  return stdout;
}
