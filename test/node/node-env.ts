import { beforeAll } from 'vitest';
import { BUSYBOX, type Nodes } from '../env/node/nodes.ts';
import { whyNoNodes } from '../env/node/why-no-nodes.ts';
import { type InstalledEnv, installedEnvOfThisFile } from '../integration/installed-env.ts';

/** Why tests on real nodes cannot run here, or undefined if they can. */
export const noNodes = await whyNoNodes();

/** For the name of a skipped suite, so that the summary of a run shows the reason. */
export const skippedBecause = noNodes === undefined ? '' : ` (skipped: ${noNodes})`;

export interface NodeEnv extends InstalledEnv {
  readonly nodes: Nodes;
}

/** rock-mac with real nodes and the networks `blue` (a bridge) and `red` (macvlan), for a suite. Called inside `describe`. */
export function nodeEnvOfThisSuite(
  options: { readonly nodes?: number; readonly webhooks?: number; readonly env?: NodeJS.ProcessEnv } = {},
): () => NodeEnv {
  const installed = installedEnvOfThisFile({ nodes: 1, ...options });
  const get = () => {
    const { nodes } = installed().testEnv;
    if (nodes === undefined) throw new Error('this test environment has no nodes');
    return { ...installed(), nodes };
  };
  beforeAll(async () => {
    await Promise.all(get().nodes.all.map((node) => node.untilReady()));
    await apply(get(), ...NETWORKS);
  });
  return get;
}

const ipam = (subnet: string) => ({ type: 'host-local', ranges: [[{ subnet }]] });
const NETWORKS = [
  aNetwork('blue', { type: 'bridge', bridge: 'blue0', ipam: ipam('10.81.0.0/16') }),
  aNetwork('red', { type: 'macvlan', master: 'ext0', mode: 'bridge', ipam: ipam('10.82.0.0/16') }),
];

function aNetwork(name: string, plugin: object): object {
  return {
    apiVersion: 'k8s.cni.cncf.io/v1',
    kind: 'NetworkAttachmentDefinition',
    metadata: { name },
    spec: { config: JSON.stringify({ cniVersion: '1.0.0', name, ...plugin }) },
  };
}

/** Creates or changes objects in the default namespace. */
export async function apply({ plane }: InstalledEnv, ...objects: readonly object[]): Promise<void> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
  await plane.kubectl(['apply', '-f', '-'], { input });
}

export interface PodOptions {
  readonly networks?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  /** How long the pod has to end. */
  readonly grace?: number;
  /** Whether it ignores SIGTERM, so that it ends after the whole grace period. */
  readonly stubborn?: boolean;
  readonly node?: string;
}

/** Returns the template of a pod that requests addresses and runs until it is stopped. */
export function podTemplate(
  labels: Readonly<Record<string, string>>,
  { networks = 'blue', annotations = {}, grace = 1, stubborn = false, node }: PodOptions = {},
): { readonly metadata: object; readonly spec: Readonly<Record<string, unknown>> } {
  const onTerm = stubborn ? `''` : `'exit 0'`;
  const command = ['sh', '-c', `trap ${onTerm} TERM; while :; do sleep 0.2; done`];
  return {
    metadata: {
      labels,
      annotations: {
        'mac.rock-os.io/inject': 'true',
        ...(networks !== '' && { 'k8s.v1.cni.cncf.io/networks': networks }),
        ...annotations,
      },
    },
    spec: {
      terminationGracePeriodSeconds: grace,
      ...(node !== undefined && { nodeName: node }),
      containers: [{ name: 'main', image: BUSYBOX, imagePullPolicy: 'Never', command }],
    },
  };
}

/** Returns a pod of {@link podTemplate}, with its name as the label `app`. */
export function aWiredPod(name: string, options: PodOptions = {}): object {
  const { metadata, spec } = podTemplate({ app: name }, options);
  return { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name }, spec };
}

/** Returns a Deployment of {@link podTemplate}, with its name as the label `app`. */
export function aDeployment(
  name: string,
  options: PodOptions & { readonly replicas?: number; readonly strategy?: object } = {},
): object {
  const { replicas = 1, strategy, ...pod } = options;
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: {
      ...{ replicas, selector: { matchLabels: labels }, template: podTemplate(labels, pod) },
      ...(strategy !== undefined && { strategy }),
    },
  };
}
