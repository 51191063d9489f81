import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { ImageFolder } from '../../../hack/rootfs.ts';
import type { ControlPlane } from '../kubernetes/control-plane.ts';
import { installForeignCrds } from '../kubernetes/manifests.ts';
import { connectThrough } from '../network/connect-proxy.ts';
import type { Egress } from '../network/egress.ts';
import { type NodePrograms, resolveNodePrograms } from '../programs/node-programs.ts';
import { logTail } from '../run/child-process.ts';
import { eventually } from '../run/eventually.ts';
import type { Run } from '../run/run.ts';
import { createServerProcess } from '../run/server-process.ts';
import { API_SERVICE_ADDRESS, MACHINE_ADDRESS, nodeAddress, SERVICE_RANGE } from './addresses.ts';
import { busyboxImage, pauseImage } from './base-image.ts';
import type { GatewayOptions } from './gateway.ts';
import { writeImageArchive } from './image-archive.ts';
import { type Node, startNode } from './node.ts';
import { PAUSE } from './node-files.ts';

export interface NodesOptions {
  readonly run: Run;
  readonly controlPlane: ControlPlane;
  readonly egress: Egress;
  readonly count: number;
  /** Ports of servers on the machine's loopback that pods reach under {@link MACHINE_ADDRESS}. */
  readonly machinePorts: readonly number[];
}

/** Real nodes on one network, with a scheduler. Nothing of them is left when their processes end. */
export interface Nodes {
  readonly all: readonly Node[];
  /** The first of {@link Nodes.all}. */
  readonly first: Node;
  readonly programs: NodePrograms;
  /** The network namespace of the nodes, as a path. */
  readonly networkNamespace: string;
}

/** An image with a shell, for pods with `imagePullPolicy: Never`. */
export const BUSYBOX = 'localhost/busybox:1';

/** Pairs of virtual Ethernet interfaces: the nodes' own, and masters for macvlan. */
const LINKS = ['node', 'ext0', 'ext1'];

export async function startNodes(options: NodesOptions): Promise<Nodes> {
  const { run, controlPlane, count } = options;
  const programs = await resolveNodePrograms({ log: run.log });
  const networkNamespace = await startNetwork(options);
  const [multusKubeconfig] = await Promise.all([installMultus(controlPlane), startScheduler(options, programs)]);
  const ipamFolder = path.join(await run.makeFolder('ipam'), 'cni');
  await mkdir(ipamFolder);
  const all = await Promise.all(
    Array.from({ length: count }, (_, index) =>
      startNode({ run, controlPlane, number: index + 1, programs, networkNamespace, multusKubeconfig, ipamFolder }),
    ),
  );
  const archives = await writeBasicImages(await run.makeFolder('images'), programs);
  for (const archive of archives) await Promise.all(all.map((node) => node.importImages(archive)));
  await Promise.all(all.map((node) => node.kubelet.start()));
  const [first] = all;
  if (first === undefined) throw new Error('startNodes needs a count of at least 1.');
  return { all, first, programs, networkNamespace };
}

/** Writes the images that every node has: the one of sandboxes, and {@link BUSYBOX}. */
async function writeBasicImages(folder: string, programs: NodePrograms): Promise<string[]> {
  const images: [reference: string, image: ImageFolder][] = [
    [PAUSE, await pauseImage(folder, programs)],
    [BUSYBOX, await busyboxImage(folder, programs)],
  ];
  return await Promise.all(
    images.map(async ([reference, image]) => {
      const archive = `${image.rootfs}.tar`;
      await writeImageArchive(archive, reference, image);
      return archive;
    }),
  );
}

/** Starts the gateway in a new network namespace, and returns the namespace. */
async function startNetwork({ run, controlPlane, egress, count, machinePorts }: NodesOptions): Promise<string> {
  const api = { host: '127.0.0.1', port: controlPlane.port };
  const config: GatewayOptions = {
    kubeconfig: controlPlane.kubeconfig,
    machineSocketPath: egress.machineSocketPath,
    nodesSocketPath: egress.nodesSocketPath,
    relays: [
      { at: api, to: api }, // the address in every kubeconfig
      { at: { host: API_SERVICE_ADDRESS, port: 443 }, to: api },
      ...machinePorts.map((port) => ({ at: { host: MACHINE_ADDRESS, port }, to: { host: '127.0.0.1', port } })),
    ],
  };
  const script = [
    'ip link set lo up',
    `ip route add local ${SERVICE_RANGE} dev lo`,
    ...LINKS.flatMap((name) => [
      `ip link add ${name} type veth peer name ${name}-peer`,
      `ip link set ${name} up`,
      `ip link set ${name}-peer up`,
    ]),
    ...[MACHINE_ADDRESS, ...Array.from({ length: count }, (_, index) => nodeAddress(index + 1))].map(
      (address) => `ip addr add ${address}/24 dev node`,
    ),
    'exec "$@"',
  ].join('\n');
  const gateway = path.join(import.meta.dirname, 'gateway.ts');
  const command = [process.execPath, gateway, JSON.stringify(config)];
  const child = await run.spawn({
    name: 'node-gateway',
    command: 'unshare',
    args: ['--net', 'sh', '-euc', script, 'network', ...command],
  });
  await eventually(
    async () => {
      if (child.exit !== undefined) throw new Error(`the gateway ended: ${logTail(child.logFile)}`);
      (await connectThrough(egress.nodesSocketPath, api)).destroy();
    },
    { within: 20_000, every: 50 },
  );
  return `/proc/${child.pid}/ns/net`;
}

async function startScheduler({ run, controlPlane }: NodesOptions, { kubeScheduler }: NodePrograms): Promise<void> {
  const { kubeconfig } = controlPlane;
  const scheduler = createServerProcess(run, {
    child: {
      name: 'kube-scheduler',
      command: kubeScheduler,
      args: [`--kubeconfig=${kubeconfig}`, '--leader-elect=false', '--secure-port=0'],
    },
    ready: () => Promise.resolve(true), // a pod that comes earlier waits
  });
  await scheduler.start();
}

/** Installs what the manifests of Multus install, and returns its kubeconfig. */
async function installMultus({ kubectl, serviceAccountKubeconfig }: ControlPlane): Promise<string> {
  await installForeignCrds(kubectl, ['network-attachment-definitions']);
  const rbac = { apiVersion: 'rbac.authorization.k8s.io/v1' };
  const metadata = { name: 'multus' };
  const rule = (apiGroup: string, resources: string[], verbs: string[]) => ({
    apiGroups: [apiGroup],
    resources,
    verbs,
  });
  const objects = [
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { ...metadata, namespace: 'kube-system' } },
    {
      ...{ ...rbac, kind: 'ClusterRole', metadata },
      rules: [
        rule('k8s.cni.cncf.io', ['*'], ['*']),
        rule('', ['pods', 'pods/status'], ['get', 'update']),
        rule('', ['events'], ['create', 'patch', 'update']),
        rule('events.k8s.io', ['events'], ['create', 'patch', 'update']),
      ],
    },
    {
      ...{ ...rbac, kind: 'ClusterRoleBinding', metadata },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', ...metadata },
      subjects: [{ kind: 'ServiceAccount', ...metadata, namespace: 'kube-system' }],
    },
  ];
  const list = { apiVersion: 'v1', kind: 'List', items: objects };
  await kubectl(['apply', '-f', '-'], { input: JSON.stringify(list) });
  return await serviceAccountKubeconfig('kube-system', 'multus');
}
