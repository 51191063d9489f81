import { macOf } from '../../api/mac-allocation.ts';
import { isReported } from '../../api/nic.ts';
import { type MacAllocation, type MacPool, macPools } from '../../kube/client/mac-resources.ts';
import type { ObjectKey } from '../../kube/client/objects.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import type { Prefixes } from '../../mac/mac-range.ts';
import { createEndedWorkloads, type EndedWorkloads } from '../live/ended-workloads.ts';
import { instances } from '../live/kubevirt-kinds.ts';
import { type ManagedNamespace, managedNamespaces } from '../live/managed-namespace.ts';
import { type NetworkSegment, networkSegments } from '../live/network-segment.ts';
import { type NodeHealth, nodeHealth } from '../live/node.ts';
import { isSameCopy, type LiveWorkload, type Workload, type WorkloadKind } from '../live/workload.ts';
import type { OperatorDeps } from './dependencies.ts';
import { type Cache, createCache, createTrigger, type Trigger } from './sources.ts';
import { trimmedAllocations } from './trimmed-allocation.ts';

/** Everything that controllers watch. */
export interface Sources {
  /** Indexes: `consumer` (uid of the workload that uses the address), `mac`, `pool` (name), `sticky` (`stickyIndex` of the workload) and `unreachableNode` (of a sticky claim). */
  readonly allocations: Cache<MacAllocation>;
  readonly pools: Cache<MacPool>;
  /** By the name of the kind, such as `Pod`. Indexes: `node` (that a pod runs on), `onWire` (each address that a running object reports), and of instances `address` (each that they own). */
  readonly workloads: ReadonlyMap<string, CachedWorkloads>;
  readonly nodes: Cache<NodeHealth>;
  readonly namespaces: Cache<ManagedNamespace>;
  /** The NetworkAttachmentDefinitions. */
  readonly networks: Cache<NetworkSegment>;
  /** The workloads whose end the watches reported. */
  readonly ended: Pick<EndedWorkloads, 'has' | 'mayRunOn' | 'endedOn'>;
  /** Fired when the ledger has a new consumer for a claim, or when a claim has expired. */
  readonly claimChanged: Trigger<Owner>;
  /** Fired with a workload's uid when the workload is reconciled: its mirrors and claims may be outdated. */
  readonly workloadChanged: Trigger<string>;
  /** Fired with the sticky claim of an address whose row in the ledger has changed, or does not match. */
  readonly stickyChanged: Trigger<ObjectKey>;
  /** Fired with a node when a mark that names it may have to change. */
  readonly markChanged: Trigger<string>;
  /** Fired when the ledger has other prefixes than before. Their pools give no address until every cluster has compared itself under them. */
  readonly prefixesChanged: Trigger<Prefixes>;
  /** Fired when a resync finds a workload whose address the ledger does not hold for it yet. */
  readonly workloadOutOfSync: Trigger<LiveWorkload>;
}

export interface CachedWorkloads {
  readonly kind: WorkloadKind;
  readonly cache: Cache<Workload>;
}

/** Enough for a mass deletion. A uid takes about 150 bytes. */
const ENDED_WORKLOADS = 16_384;

/** Creates the caches and triggers of one leader run. No cache is started. */
export function createSources(deps: SourceDeps): Sources {
  const { client, kinds, logger, metrics } = deps;
  const read = { client, logger, metrics: metrics.reflector };
  const ended = createEndedWorkloads(ENDED_WORKLOADS);
  const prefixesChanged = createTrigger<Prefixes>();
  const cacheWorkloads = (kind: WorkloadKind): CachedWorkloads => {
    const cache = createCache({
      ...read,
      resource: kind.resource,
      optional: kind.optional,
      isSameCopy,
      keep: (workload) =>
        workload.nics.length > 0 ||
        workload.onWire !== undefined ||
        workload.gate?.hasToken === true ||
        reportsForMachine(workload, kind),
      indexes: {
        node: ({ runsOn }: Workload) => (runsOn === undefined ? [] : [runsOn.node]),
        onWire: ({ onWire = [] }: Workload) => onWire.map(({ mac }) => mac),
        ...(kind.resource.kind === instances.kind && {
          address: ({ nics }: Workload) => nics.map(({ mac }) => mac),
        }),
      },
    });
    // The first subscriber: the controllers must find the end when they reconcile.
    cache.subscribe((change) => {
      ended.record(kind, change);
    });
    prefixesChanged.subscribe(() => {
      cache.listAgain();
    });
    return { kind, cache };
  };
  return {
    allocations: createCache({
      ...read,
      resource: trimmedAllocations(),
      indexes: {
        consumer: consumerUids,
        mac: (allocation) => [macOf(allocation) ?? ''].filter((mac) => mac !== ''),
        pool: ({ spec }) => [spec.pool],
        sticky: stickyNames,
        unreachableNode: unreachableNodes,
      },
    }),
    pools: createCache({ ...read, resource: macPools }),
    workloads: new Map(kinds.map((kind) => [kind.resource.kind, cacheWorkloads(kind)])),
    ended,
    nodes: createCache({ ...read, resource: nodeHealth }),
    namespaces: createCache({ ...read, resource: managedNamespaces(deps) }),
    networks: createCache({ ...read, resource: networkSegments, optional: true }),
    claimChanged: createTrigger(),
    workloadChanged: createTrigger(),
    stickyChanged: createTrigger(),
    markChanged: createTrigger(),
    prefixesChanged,
    workloadOutOfSync: createTrigger(),
  };
}

/** The instance of a virtual machine shows which addresses the machine's interfaces have. It owns none itself. */
function reportsForMachine({ nicsOfOwner = [] }: Workload, { resource }: WorkloadKind): boolean {
  return resource.kind === instances.kind && nicsOfOwner.some(isReported);
}

type SourceDeps = Pick<OperatorDeps, 'client' | 'kinds' | 'logger' | 'metrics' | 'modes' | 'systemNamespace'>;

/** Returns the uid of the workload that uses this allocation: the mirrored object or the claim's consumer. */
function consumerUids({ spec, status }: MacAllocation): string[] {
  const uid = spec.consumerRef?.uid ?? status?.consumer?.uid;
  return uid === undefined ? [] : [uid];
}

/** Returns the key of the index `sticky`: all sticky claims of one workload, whether it exists or not. */
export function stickyIndex({ kind, namespace = '', name }: NameOfWorkload): string {
  return `${kind}/${namespace}/${name}`;
}

interface NameOfWorkload {
  readonly kind: string;
  readonly namespace?: string | undefined;
  readonly name: string;
}

function unreachableNodes({ status }: MacAllocation): string[] {
  const node = status?.unreachableConsumer?.node;
  return node === undefined ? [] : [node];
}

function stickyNames({ metadata, spec: { stickyFor } }: MacAllocation): string[] {
  return stickyFor === undefined ? [] : [stickyIndex({ ...stickyFor, namespace: metadata.namespace })];
}
