import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import type { NodePrograms } from '../programs/node-programs.ts';
import { DNS_ADDRESS, nodeAddress, podRange } from './addresses.ts';

export interface NodeSettings {
  /** Counts from 1. */
  readonly number: number;
  /** The folder of the node on the machine: its disk and its configuration. */
  readonly folder: string;
  readonly programs: NodePrograms;
  readonly cgroup: string;
  /** The kubeconfig of Multus. */
  readonly multusKubeconfig: string;
  /** The folder of the addresses that CNI plugins gave away. All nodes share it, as they share their bridges. */
  readonly ipamFolder: string;
}

/** The paths of a node's files. */
export interface NodeFiles {
  readonly script: string;
  readonly containerdConfig: string;
  readonly containerdSocket: string;
  readonly kubeletConfig: string;
}

/** Writes the configuration of a node. */
export async function writeNodeFiles(settings: NodeSettings): Promise<NodeFiles> {
  const { folder } = settings;
  const files: NodeFiles = {
    script: path.join(folder, 'init.sh'),
    containerdConfig: path.join(folder, 'containerd.toml'),
    containerdSocket: path.join(folder, 'containerd.sock'),
    kubeletConfig: path.join(folder, 'kubelet.yaml'),
  };
  for (const name of ['lib/cni', 'lib/kubelet', 'log/pods', 'log/containers', 'containerd', 'cni']) {
    await mkdir(path.join(folder, 'disk', name), { recursive: true });
  }
  await writeFile(files.script, initScript(settings));
  await writeFile(files.containerdConfig, containerdConfig(settings, files));
  await writeFile(files.kubeletConfig, stringify(kubeletConfig(settings, files)));
  await writeFile(path.join(folder, 'disk/cni/00-multus.conf'), JSON.stringify(multusConfig(settings)));
  return files;
}

/** The image of sandboxes. */
export const PAUSE = 'localhost/pause:1';

/** Exists on the node once its folders are mounted. */
export const READY_FILE = '/run/node-is-ready';

/** The settings of the kernel that a kubelet would change for the whole machine. It reads what it wants instead. */
const KERNEL_SETTINGS = { 'vm/overcommit_memory': 1, 'kernel/panic': 10, 'kernel/panic_on_oops': 1 };

/** The first process of a node: it mounts the node's own folders, and reaps processes that lost their parents. */
function initScript({ folder, ipamFolder }: NodeSettings): string {
  const disk = path.join(folder, 'disk');
  return `
mount --make-rshared /
mount -t tmpfs tmpfs /run
mount --bind '${disk}/lib' /var/lib
mount --bind '${ipamFolder}' /var/lib/cni
mount --bind '${disk}/log' /var/log
${Object.entries(KERNEL_SETTINGS)
  .map(
    ([name, value]) =>
      `echo ${value} > '/run/${path.basename(name)}'; mount --bind '/run/${path.basename(name)}' /proc/sys/${name}`,
  )
  .join('\n')}
touch ${READY_FILE}
while true; do sleep infinity & wait; done
`;
}

function containerdConfig({ folder, programs }: NodeSettings, { containerdSocket }: NodeFiles): string {
  const disk = path.join(folder, 'disk');
  const [, sbin] = programs.containerdFolders;
  return `
version = 2
root = "${disk}/containerd"
state = "/run/containerd"
[grpc]
  address = "${containerdSocket}"
[ttrpc]
  address = "${containerdSocket}.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${PAUSE}"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "${programs.cniFolder}"
    conf_dir = "${disk}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        BinaryName = "${sbin}/runc"
`;
}

function multusConfig({ number, programs, multusKubeconfig, folder }: NodeSettings) {
  const ipam = { type: 'host-local', ranges: [[podRange(number)]], routes: [{ dst: '0.0.0.0/0' }] };
  return {
    cniVersion: '1.0.0',
    name: 'multus-cni-network',
    type: 'multus',
    capabilities: { portMappings: true },
    kubeconfig: multusKubeconfig,
    binDir: programs.cniFolder,
    confDir: path.join(folder, 'disk/cni'),
    delegates: [{ cniVersion: '1.0.0', name: 'default', type: 'bridge', bridge: 'cni0', isGateway: true, ipam }],
  };
}

function kubeletConfig({ number, cgroup }: NodeSettings, { containerdSocket }: NodeFiles) {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    failCgroupV1: false,
    cgroupDriver: 'cgroupfs',
    cgroupRoot: cgroup,
    enforceNodeAllocatable: [],
    containerRuntimeEndpoint: `unix://${containerdSocket}`,
    // Only the gateway reaches this port.
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    address: nodeAddress(number),
    port: 10_250,
    healthzPort: 0,
    clusterDNS: [DNS_ADDRESS],
    clusterDomain: 'cluster.local',
    resolvConf: '',
    failSwapOn: false,
    makeIPTablesUtilChains: false,
    // The machine belongs to others, so its load must not evict pods or remove images.
    evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
    imageGCHighThresholdPercent: 100,
    nodeStatusUpdateFrequency: '5s',
    syncFrequency: '10s',
  };
}
