import { type InjectionMode, isSelectedNamespace } from '../../api/injection-mode.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { namespaces } from '../../kube/client/core-resources.ts';
import { networkDefinitions } from '../../kube/client/network-definitions.ts';
import type { KubeObject } from '../../kube/client/objects.ts';
import { parseKey } from '../../kube/client/objects.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { listPools, type Pool } from '../../ledger/pool/pools.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { machines } from '../live/kubevirt-kinds.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import { hasTokenOfCreation } from '../stock/requester.ts';
import type { Evidence, NamespaceEvidence, Occasion } from './grant.ts';

export type EvidenceDeps = Pick<
  OperatorDeps,
  'ledger' | 'client' | 'clusterId' | 'workloadPool' | 'modes' | 'stockTokens' | 'now'
>;

/** Collects what `findGrant` needs. Reads each namespace and each network once, and the pools and the cluster once. */
export interface EvidenceCollector {
  /** The pools that this evidence is about. */
  readonly pools: readonly Pool[];
  evidenceFor(address: WorkloadAddress): Promise<Evidence>;
}

export interface EvidenceOptions {
  readonly occasion: Occasion;
  /** Returns whether there is a mirror of this address on this interface of the object. */
  readonly isMirrored: (address: WorkloadAddress) => boolean;
}

/** Creates a collector for one comparison of the cluster with the ledger. Later comparisons need current facts. */
export async function collectEvidence(
  { occasion, isMirrored }: EvidenceOptions,
  deps: EvidenceDeps,
): Promise<EvidenceCollector> {
  const { ledger, client, clusterId, workloadPool, modes, now } = deps;
  const pools = await listPools(ledger);
  const registered = (await listClusters(ledger)).find((cluster) => cluster.clusterId === clusterId);
  if (registered === undefined) throw new Error(`The ledger does not have cluster ${clusterId}`);
  const known = new Map<string, Promise<KubeObject | undefined>>();
  const namespaceOf = async (name: string, kind: string) => {
    const read = known.get(name) ?? getOrUndefined(namespaces, { name }, client);
    known.set(name, read);
    const namespace = await read;
    const mode = kind === 'Pod' ? modes.pods : modes.virtualMachines;
    return namespace === undefined ? undefined : namespaceEvidence(namespace, { workloadPool, mode });
  };
  const poolsOfNetworks = new Map<string, Promise<string | undefined>>();
  const namedPoolOf = async ({ network = '', owner, workload }: WorkloadAddress) => {
    if (owner.kind === machines.kind && workload.namedPool !== undefined) return workload.namedPool;
    // The author of a network elsewhere was asked for the right to use the pool there.
    if (!network.startsWith(`${owner.namespace}/`)) return undefined;
    const read = poolsOfNetworks.get(network) ?? poolOfNetwork(network, client);
    poolsOfNetworks.set(network, read);
    return await read;
  };
  return {
    pools,
    evidenceFor: async (address) => {
      const { namespace: namespaceName = '', creationTimestamp } = address.workload.metadata;
      const pool = poolOf(address.mac, pools);
      const namespace = await namespaceOf(namespaceName, address.owner.kind);
      const mayBeNamed = pool !== undefined && namespace?.isOptedIn === true && namespace.pool !== pool;
      return {
        occasion,
        registeredAt: registered.registeredAt,
        createdAt: dateOf(creationTimestamp),
        skippedAdmission: address.workload.skippedAdmission === true,
        isMirrored: isMirrored(address),
        hasToken: pool !== undefined && (await hasTokenOfCreation(address, deps)),
        namedPool: mayBeNamed ? await namedPoolOf(address) : undefined,
        pool,
        namespace,
        now: now(),
      };
    },
  };
}

/** Returns what a namespace says about the addresses of its objects. Writing these annotations needs `use` of the pools. */
export function namespaceEvidence(
  { metadata }: KubeObject,
  { workloadPool, mode }: { readonly workloadPool: string; readonly mode: InjectionMode },
): NamespaceEvidence {
  const { annotations = {}, labels = {}, creationTimestamp } = metadata;
  const isOptedIn = isSelectedNamespace(labels, mode);
  const named = annotations[ANNOTATIONS.pool] ?? '';
  return {
    createdAt: dateOf(creationTimestamp),
    isOptedIn,
    pool: named !== '' ? named : isOptedIn ? workloadPool : undefined,
    adopts: annotations[ANNOTATIONS.adopt],
  };
}

async function poolOfNetwork(network: string, client: EvidenceDeps['client']): Promise<string | undefined> {
  const found = await getOrUndefined(networkDefinitions, parseKey(network), client);
  return found?.metadata.annotations?.[ANNOTATIONS.pool];
}

function poolOf(mac: MacAddress, pools: readonly Pool[]): string | undefined {
  const addr = macToNumber(mac);
  return pools.find(({ first, last }) => macToNumber(first) <= addr && addr <= macToNumber(last))?.name;
}

function dateOf(timestamp: string | undefined): Date | undefined {
  return timestamp === undefined ? undefined : new Date(timestamp);
}
