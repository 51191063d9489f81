import { ANNOTATIONS, LABELS } from '../../api/names.ts';
import { isOptIn } from '../../api/opt-in.ts';
import { namespaces } from '../../kube/client/core-resources.ts';
import type { KubeObject } from '../../kube/client/objects.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import { listPools, type Pool } from '../../ledger/pool/pools.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import type { Evidence, NamespaceEvidence, Occasion } from './grant.ts';

export type EvidenceDeps = Pick<OperatorDeps, 'ledger' | 'client' | 'clusterId' | 'workloadPool' | 'now'>;

/** Collects what `findGrant` needs. Reads each namespace once, and the pools and the cluster once. */
export interface EvidenceCollector {
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
  const { ledger, client, clusterId, workloadPool, now } = deps;
  const pools = await listPools(ledger);
  const registered = (await listClusters(ledger)).find((cluster) => cluster.clusterId === clusterId);
  if (registered === undefined) throw new Error(`The ledger does not have cluster ${clusterId}`);
  const known = new Map<string, Promise<NamespaceEvidence | undefined>>();
  const readNamespace = async (name: string) => {
    const namespace = await getOrUndefined(namespaces, { name }, client);
    return namespace === undefined ? undefined : namespaceEvidence(namespace, workloadPool);
  };
  return {
    evidenceFor: async (address) => {
      const { namespace, creationTimestamp } = address.workload.metadata;
      const name = namespace ?? '';
      const read = known.get(name) ?? readNamespace(name);
      known.set(name, read);
      return {
        occasion,
        registeredAt: registered.registeredAt,
        createdAt: dateOf(creationTimestamp),
        skippedAdmission: address.workload.skippedAdmission === true,
        isMirrored: isMirrored(address),
        pool: poolOf(address.mac, pools),
        namespace: await read,
        now: now(),
      };
    },
  };
}

/** Returns what a namespace says about the addresses of its objects. Writing these annotations needs `use` of the pools. */
export function namespaceEvidence({ metadata }: KubeObject, workloadPool: string): NamespaceEvidence {
  const { annotations = {}, labels = {}, creationTimestamp } = metadata;
  const isOptedIn = isOptIn(labels[LABELS.inject]);
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
