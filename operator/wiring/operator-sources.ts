import { macPools, type MacAllocation, type MacPool } from '../../kube/client/mac-resources.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import { trimmedAllocations } from '../allocation/trimmed-allocation.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { createCache, createTrigger, type Cache, type Trigger } from './sources.ts';
import type { LiveWorkload } from '../workload/list-live.ts';
import type { Workload, WorkloadKind } from '../workload/workload.ts';

/** Everything that controllers watch. */
export interface Sources {
  /** Indexes: `consumer` (uid of the workload that uses the address) and `pool` (name). */
  readonly allocations: Cache<MacAllocation>;
  readonly pools: Cache<MacPool>;
  /** By the name of the kind, such as `Pod`. */
  readonly workloads: ReadonlyMap<string, CachedWorkloads>;
  /** Fired when the ledger has a new consumer for a claim, or when a claim has expired. */
  readonly claimChanged: Trigger<Owner>;
  /** Fired with a workload's uid when the workload is reconciled: its mirrors and claims may be outdated. */
  readonly workloadChanged: Trigger<string>;
  /** Fired when a resync finds a workload whose address the ledger does not hold for it yet. */
  readonly workloadOutOfSync: Trigger<LiveWorkload>;
}

export interface CachedWorkloads {
  readonly kind: WorkloadKind;
  readonly cache: Cache<Workload>;
}

/** Creates the caches and triggers of one leader run. No cache is started. */
export function createSources({ client, kinds, logger, metrics }: SourceDeps): Sources {
  const read = { client, logger, metrics: metrics.reflector };
  const cacheWorkloads = (kind: WorkloadKind): CachedWorkloads => ({
    kind,
    cache: createCache({
      ...read,
      resource: kind.resource,
      optional: kind.optional,
      keep: ({ nics }) => nics.length > 0,
    }),
  });
  return {
    allocations: createCache({
      ...read,
      resource: trimmedAllocations(),
      indexes: { consumer: consumerUids, pool: ({ spec }) => [spec.pool] },
    }),
    pools: createCache({ ...read, resource: macPools }),
    workloads: new Map(kinds.map((kind) => [kind.resource.kind, cacheWorkloads(kind)])),
    claimChanged: createTrigger(),
    workloadChanged: createTrigger(),
    workloadOutOfSync: createTrigger(),
  };
}

type SourceDeps = Pick<OperatorDeps, 'client' | 'kinds' | 'logger' | 'metrics'>;

/** Returns the uid of the workload that uses this allocation: the mirrored object or the claim's consumer. */
function consumerUids({ spec, status }: MacAllocation): string[] {
  const uid = spec.consumerRef?.uid ?? status?.consumer?.uid;
  return uid === undefined ? [] : [uid];
}
