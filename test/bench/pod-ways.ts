import { z } from 'zod';
import { DEFAULT_WORKLOAD_POOL } from '../../api/default-pools.ts';
import { NETWORKS_ANNOTATION } from '../../api/multus-networks.ts';
import {
  ANNOTATIONS,
  GROUP,
  STRAY_ADDRESSES_POLICIES,
  UNPOOLED_ADDRESSES_POLICIES,
  VERSION,
  WEBHOOK_CONFIGURATION,
} from '../../api/names.ts';
import { objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { NewObject } from '../../kube/client/write.ts';
import type { TestEnv } from '../env/env.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';

/** A kind of pod or other object, and what handles it. The annotations of all pods have the same size, except for more networks. */
export interface PodWay {
  readonly title: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly inject: 'true' | 'nope';
  readonly networks: number;
  /** Whether the operator runs. Then the mirrors of the pods belong to what is measured. */
  readonly withOperator: boolean;
  /** How many callers create at once, in one round after the other. */
  readonly callers: readonly number[];
  /** What is created. The default is a pod. */
  readonly kind?: 'VirtualMachine' | 'MacAllocation';
  /** Leaves Nagle's algorithm on between the API server and the webhook. */
  readonly nagle?: boolean;
}

/** A namespace for which rock-mac does not exist: none of its policies and webhook entries select it. */
const WITHOUT = 'without';
const OURS = 'ours';
/** The name of a namespace says what uses it, so the addresses of its pods can be found in the ledger. */
const ALONE = 'alone';
export const ROW_NAMESPACE = 'row';

export const PATCH_LABELS = { way: 'patch' };

const AT_ONCE = [1, 16, 64] as const;
const common = {
  labels: { way: 'other' },
  inject: 'nope',
  networks: 1,
  withOperator: false,
  callers: AT_ONCE,
} as const;
const patching = { ...common, namespace: WITHOUT, labels: PATCH_LABELS };
const asking = { ...common, namespace: OURS, inject: 'true', withOperator: true } as const;

export const POD_WAYS = {
  none: { ...common, title: 'no webhook', namespace: WITHOUT },
  patch: { ...patching, title: 'one that only patches' },
  alone: { ...asking, title: 'ours, without the operator', namespace: ALONE, withOperator: false },
  patchWithNagle: { ...patching, title: 'one that only patches, with Nagle', callers: [1], nagle: true },
  unasked: { ...common, title: 'ours, pods that do not ask', namespace: OURS, withOperator: true },
  ours: { ...asking, title: 'ours' },
  four: { ...asking, title: 'ours, four networks', networks: 4, callers: [16] },
  machine: { ...asking, title: 'ours, a virtual machine', callers: [16], kind: 'VirtualMachine' },
  claim: { ...asking, title: 'ours, a claim', callers: [16], kind: 'MacAllocation' },
  oursWithNagle: { ...asking, title: 'ours, with Nagle', callers: [1], nagle: true },
} as const satisfies Record<string, PodWay>;

export type PodWayName = keyof typeof POD_WAYS;

let made = 0;

export function podOf({ labels, inject, networks }: Pick<PodWay, 'labels' | 'inject' | 'networks'>): NewObject {
  const wanted = Array.from({ length: networks }, () => ({ name: 'blue' }));
  return {
    metadata: {
      name: `pod-${String(made++)}`,
      labels,
      annotations: { [ANNOTATIONS.inject]: inject, [NETWORKS_ANNOTATION]: JSON.stringify(wanted) },
    },
    spec: { containers: [{ name: 'main', image: 'example.invalid/none' }] },
  };
}

type Loose = z.infer<typeof loose>;
const loose = z.object({ metadata: objectMeta });

function resource(group: string, version: string, plural: string, kind: string): Resource<Loose> {
  return { group, version, plural, kind, namespaced: true, schema: loose };
}

const RESOURCES = {
  Pod: resource('', 'v1', 'pods', 'Pod'),
  VirtualMachine: resource('kubevirt.io', 'v1', 'virtualmachines', 'VirtualMachine'),
  MacAllocation: resource(GROUP, VERSION, 'macallocations', 'MacAllocation'),
};

/** Returns the kind of object that a way creates, and a new object of it. */
export function resourceOf({ kind }: Pick<PodWay, 'kind'>): Resource<Loose> {
  return RESOURCES[kind ?? 'Pod'];
}

export function objectOf(way: PodWay): NewObject {
  const metadata = { name: `object-${String(made++)}` };
  if (way.kind === undefined) return podOf(way);
  if (way.kind === 'MacAllocation') return { metadata, spec: { pool: DEFAULT_WORKLOAD_POOL } };
  const devices = { interfaces: [{ name: 'blue', bridge: {} }] };
  const networks = [{ name: 'blue', multus: { networkName: 'blue' } }];
  const template = { spec: { domain: { devices }, networks } };
  const annotations = { [ANNOTATIONS.inject]: way.inject };
  return { metadata: { ...metadata, annotations }, spec: { runStrategy: 'Halted', template } };
}

/** Makes the namespaces of the ways, and the network that their pods name. */
export async function makeNamespaces({ controlPlane: { kubectl } }: TestEnv): Promise<void> {
  await installForeignCrds(kubectl, [
    'network-attachment-definitions',
    'virtual-machines',
    'virtual-machine-instances',
  ]);
  for (const namespace of [WITHOUT, OURS, ALONE, ROW_NAMESPACE]) {
    await kubectl(['create', 'namespace', namespace]);
    const definition = {
      apiVersion: 'k8s.cni.cncf.io/v1',
      kind: 'NetworkAttachmentDefinition',
      metadata: { name: 'blue', namespace },
      spec: { config: '{"cniVersion":"1.0.0","type":"bridge"}' },
    };
    await kubectl(['create', '-f', '-'], { input: JSON.stringify(definition) });
  }
  await exempt(kubectl);
}

interface Selecting {
  readonly webhooks: { readonly namespaceSelector?: { matchExpressions?: { key: string; values: string[] }[] } }[];
}

/** Keeps everything of rock-mac away from one namespace, as if it were not installed. */
async function exempt(kubectl: TestEnv['controlPlane']['kubectl']): Promise<void> {
  const key = 'kubernetes.io/metadata.name';
  const namespaceSelector = { matchExpressions: [{ key, operator: 'NotIn', values: [WITHOUT] }] };
  const patch = JSON.stringify({ spec: { matchConstraints: { namespaceSelector } } });
  for (const policy of [STRAY_ADDRESSES_POLICIES, UNPOOLED_ADDRESSES_POLICIES].flatMap((each) => Object.values(each))) {
    await kubectl(['patch', 'validatingadmissionpolicy', policy, '--type=merge', '-p', patch]);
  }
  const get = ['get', 'mutatingwebhookconfiguration', WEBHOOK_CONFIGURATION, '-o', 'json'];
  const configuration = JSON.parse(await kubectl(get)) as Selecting;
  for (const { namespaceSelector: selector } of configuration.webhooks) {
    selector?.matchExpressions?.find((each) => each.key === key)?.values.push(WITHOUT);
  }
  await kubectl(['replace', '-f', '-'], { input: JSON.stringify(configuration) });
}
