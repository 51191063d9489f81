import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import type { ControlPlane } from '../kubernetes/control-plane.ts';
import { makeCgroup } from '../run/cgroups.ts';
import { type Child, logTail } from '../run/child-process.ts';
import { eventually } from '../run/eventually.ts';
import type { Run } from '../run/run.ts';
import { createServerProcess, type ServerProcess } from '../run/server-process.ts';
import { nodeAddress } from './addresses.ts';
import { type NodeFiles, type NodeSettings, READY_FILE, writeNodeFiles } from './node-files.ts';

const exec = promisify(execFile);

export interface NodeOptions extends Omit<NodeSettings, 'cgroup' | 'folder'> {
  readonly run: Run;
  readonly controlPlane: ControlPlane;
  /** The network namespace of all nodes, as a path. */
  readonly networkNamespace: string;
}

/** A real node: containerd and a kubelet in their own process, mount and network namespaces. */
export interface Node {
  readonly name: string;
  readonly address: string;
  /** The folder that the node sees as /var/lib. */
  readonly varLib: string;
  /** The folder where Multus looks for a network whose definition has no configuration. */
  readonly networksFolder: string;
  /** `kill()` is a node that is not reachable: its pods keep running. */
  readonly kubelet: ServerProcess;
  /** Makes the images of an archive known to containerd. */
  importImages(archive: string): Promise<void>;
  /** Ends every process at once, as a power failure does, and starts the node again with the same disk. */
  reboot(): Promise<void>;
  /** Resolves when the API server shows the node as Ready. */
  untilReady(): Promise<void>;
}

/**
 * Starts a node. Its first process is the first of a process namespace: when it dies, the kernel ends everything on the node,
 * and with the last process the mounts and network namespaces of the pods disappear.
 */
export async function startNode(options: NodeOptions): Promise<Node> {
  const { run, number, programs, controlPlane } = options;
  const name = `node-${number}`;
  const folder = await run.makeFolder(name);
  const files = await writeNodeFiles({ ...options, folder, cgroup: await makeCgroup(run.folder, name) });
  const env = { PATH: [...programs.containerdFolders, process.env['PATH']].join(':') };
  let init = await startInit(options, name, files);
  const inside = (program: string, args: readonly string[]) => ({
    command: 'nsenter',
    args: [`--target=${firstProcess(init)}`, '--net', '--mount', '--pid', '--', program, ...args],
    env,
  });
  const ctr = (...args: string[]) => {
    const { command, args: words } = inside('ctr', ['--address', files.containerdSocket, '-n', 'k8s.io', ...args]);
    return exec(command, words, { env });
  };
  const kubeconfig = await controlPlane.userKubeconfig(`system:node:${name}`, ['system:nodes']);
  const isReady = async () => {
    const path = '{.status.conditions[?(@.type=="Ready")].status}/{.spec.taints}';
    return (await controlPlane.kubectl(['get', 'node', name, '-o', `jsonpath=${path}`])) === 'True/';
  };

  // The process number of the first process differs after a reboot.
  const makeServers = () => ({
    containerd: createServerProcess(run, {
      child: { name: `${name}-containerd`, ...inside('containerd', ['--config', files.containerdConfig]) },
      ready: async () => (await ctr('version')).stdout !== '',
    }),
    kubelet: createServerProcess(run, {
      child: {
        name: `${name}-kubelet`,
        ...inside(programs.kubelet, [
          `--config=${files.kubeletConfig}`,
          `--kubeconfig=${kubeconfig}`,
          `--hostname-override=${name}`,
          `--node-ip=${nodeAddress(number)}`,
          `--cert-dir=${path.join(folder, 'kubelet-certificates')}`,
        ]),
      },
      ready: isReady,
    }),
  });
  let servers = makeServers();
  await servers.containerd.start();

  return {
    name,
    address: nodeAddress(number),
    varLib: path.join(folder, 'disk/lib'),
    networksFolder: path.join(folder, 'disk/cni'),
    get kubelet() {
      return servers.kubelet;
    },
    importImages: async (archive) => {
      await ctr('images', 'import', '--no-unpack=false', archive);
    },
    reboot: async () => {
      await Promise.all([servers.kubelet.kill(), servers.containerd.kill(), init.kill()]);
      init = await startInit(options, name, files);
      servers = makeServers();
      await servers.containerd.start();
      await servers.kubelet.start();
    },
    untilReady: () =>
      eventually(
        async () => {
          if (!(await isReady())) throw new Error(`${name} is not ready`);
        },
        { within: 60_000, every: 200 },
      ),
  };
}

async function startInit({ run, networkNamespace }: NodeOptions, name: string, { script }: NodeFiles): Promise<Child> {
  const namespaces = ['--mount', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const init = await run.spawn({
    name: `${name}-init`,
    command: 'nsenter',
    args: [`--net=${networkNamespace}`, 'unshare', ...namespaces, 'bash', '-eu', script],
  });
  await eventually(
    () => {
      const isReady = existsSync(`/proc/${firstProcess(init)}/root${READY_FILE}`);
      if (!isReady) throw new Error(`${name} did not start: ${logTail(init.logFile)}`);
    },
    { within: 10_000, every: 50 },
  );
  return init;
}

/** Returns the number of the process that a node's init process forked: the first one in the namespaces of the node. */
function firstProcess({ pid }: Child): number {
  const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
  if (child === undefined || child === '') throw new Error('The node is not running.');
  return Number(child);
}
