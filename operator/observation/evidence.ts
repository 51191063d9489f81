import { type InjectionMode, isSelectedNamespace } from '../../api/injection-mode.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { namespaces } from '../../kube/client/core-resources.ts';
import type { KubeObject } from '../../kube/client/objects.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { listPools, type Pool } from '../../ledger/pool/pools.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import type { Evidence, NamespaceEvidence, Occasion } from './grant.ts';

export type EvidenceDeps = Pick<OperatorDeps, 'ledger' | 'client' | 'clusterId' | 'workloadPool' | 'modes' | 'now'>;

/** Collects what `findGrant` needs. Reads each namespace once, and the pools and the cluster once. */
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
  return {
    pools,
    evidenceFor: async (address) => {
      const { namespace, creationTimestamp } = address.workload.metadata;
      return {
        occasion,
        registeredAt: registered.registeredAt,
        createdAt: dateOf(creationTimestamp),
        skippedAdmission: address.workload.skippedAdmission === true,
        isMirrored: isMirrored(address),
        pool: poolOf(address.mac, pools),
        namespace: await namespaceOf(namespace ?? '', address.owner.kind),
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

function poolOf(mac: MacAddress, pools: readonly Pool[]): string | undefined {
  const addr = macToNumber(mac);
  return pools.find(({ first, last }) => macToNumber(first) <= addr && addr <= macToNumber(last))?.name;
}

function dateOf(timestamp: string | undefined): Date | undefined {
  return timestamp === undefined ? undefined : new Date(timestamp);
}
