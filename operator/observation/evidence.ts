import { type InjectionMode, isSelectedNamespace } from '../../api/injection-mode.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { namespaces } from '../../kube/client/core-resources.ts';
import type { KubeObject } from '../../kube/client/objects.ts';
import { getOrUndefined } from '../../kube/client/uncached-read.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { listPools, type Pool } from '../../ledger/pool/pools.ts';
import { listClusters } from '../../ledger/state/clusters.ts';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import { machines } from '../live/kubevirt-kinds.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import { hasTokenOfCreation } from '../stock/requester.ts';
import { type Evidence, type NamespaceEvidence, type Occasion, wasLost } from './grant.ts';
import { createPoolsOfNetworks } from './pools-of-networks.ts';

export type EvidenceDeps = Pick<
  OperatorDeps,
  'ledger' | 'client' | 'clusterId' | 'workloadPool' | 'modes' | 'stockTokens' | 'now'
>;

/** Collects what `findGrant` needs. Reads each namespace and its networks once, and the pools and the cluster once. */
export interface EvidenceCollector {
  /** The pools that this evidence is about. */
  readonly pools: readonly Pool[];
  /** Collects it for an address that has this row in the ledger. */
  evidenceFor(address: WorkloadAddress, row: AddressRow | undefined): Promise<Evidence>;
}

export interface EvidenceOptions {
  readonly occasion: Occasion;
  /** Returns whether there is a mirror of this address on this interface of the object. */
  readonly isMirrored: (address: WorkloadAddress) => boolean;
}

/** Creates a collector for one comparison of the cluster with the ledger. Later comparisons need current facts. */
export async function collectEvidence(options: EvidenceOptions, deps: EvidenceDeps): Promise<EvidenceCollector> {
  const { ledger, clusterId } = deps;
  const pools = await listPools(ledger);
  const registered = (await listClusters(ledger)).find((cluster) => cluster.clusterId === clusterId);
  if (registered === undefined) throw new Error(`The ledger does not have cluster ${clusterId}`);
  return createCollector({ ...options, pools, registeredAt: registered.registeredAt }, deps);
}

/** What the ledger knows of its pools and of this cluster. */
interface LedgerFacts {
  readonly pools: readonly Pool[];
  readonly registeredAt: Date;
}

/** Creates a collector that reads the rest from the API server. */
export function createCollector(
  { occasion, isMirrored, pools, registeredAt }: EvidenceOptions & LedgerFacts,
  { client, workloadPool, modes, stockTokens, now }: Omit<EvidenceDeps, 'ledger' | 'clusterId'>,
): EvidenceCollector {
  const known = new Map<string, Promise<KubeObject | undefined>>();
  const namespaceOf = async (name: string, kind: string) => {
    const read = known.get(name) ?? getOrUndefined(namespaces, { name }, client);
    known.set(name, read);
    const namespace = await read;
    const mode = kind === 'Pod' ? modes.pods : modes.virtualMachines;
    return namespace === undefined ? undefined : namespaceEvidence(namespace, { workloadPool, mode });
  };
  const poolsOfNetworks = createPoolsOfNetworks(client);
  const namedPoolOf = async ({ network = '', owner, workload }: WorkloadAddress) => {
    if (owner.kind === machines.kind && workload.namedPool !== undefined) return workload.namedPool;
    // The author of a network elsewhere was asked for the right to use the pool there.
    if (!network.startsWith(`${owner.namespace}/`)) return undefined;
    return await poolsOfNetworks(owner.namespace, network);
  };
  return {
    pools,
    evidenceFor: async (address, row) => {
      const { namespace: namespaceName = '', creationTimestamp } = address.workload.metadata;
      const pool = poolOf(address.mac, pools);
      const namespace = await namespaceOf(namespaceName, address.owner.kind);
      const skippedAdmission = address.workload.skippedAdmission === true;
      // Everybody can write tokens and names of networks. They are read only where they can prove something.
      const mayBeAdmitted = pool !== undefined && !skippedAdmission && wasLost(row, occasion);
      const mayBeNamed = mayBeAdmitted && namespace?.isOptedIn === true && namespace.pool !== pool;
      return {
        occasion,
        registeredAt,
        createdAt: dateOf(creationTimestamp),
        skippedAdmission,
        isMirrored: isMirrored(address),
        hasToken: mayBeAdmitted && (await hasTokenOfCreation(address, { stockTokens })),
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

function poolOf(mac: MacAddress, pools: readonly Pool[]): string | undefined {
  const addr = macToNumber(mac);
  return pools.find(({ first, last }) => macToNumber(first) <= addr && addr <= macToNumber(last))?.name;
}

function dateOf(timestamp: string | undefined): Date | undefined {
  return timestamp === undefined ? undefined : new Date(timestamp);
}
