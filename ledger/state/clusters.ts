import { z } from 'zod';
import { optionalColumn } from '../columns/optional-column.ts';
import { queryOne, type Queryable } from '../connection/statement.ts';
import { storableText } from '../columns/storable-text.ts';
import { requireValid } from '../address/validate.ts';

/** A Kubernetes cluster that takes addresses from this ledger. */
export interface Cluster {
  /** uid of its kube-system namespace */
  readonly clusterId: string;
  readonly name: string;
  readonly registeredAt: Date;
  /** When its live objects had been written into the ledger; until then it may not allocate. */
  readonly adoptedAt?: Date | undefined;
  /** The epoch of the ledger in which it last said what its objects carry. */
  readonly reportedEpoch: number;
  readonly lastResyncAt?: Date | undefined;
  readonly retiredAt?: Date | undefined;
}

const identity = z.object({
  clusterId: storableText(64).refine((id) => id !== '', 'is empty'),
  name: storableText(253).refine((name) => name !== '', 'is empty'),
});

function requireValidCluster(clusterId: string, name = clusterId): void {
  requireValid(identity, { clusterId, name }, 'The cluster');
}

/** `known`: it was registered before (its name is updated). `retired`: it has ended and cannot come back under this id. */
export type RegisterOutcome = 'registered' | 'known' | 'retired';

export async function registerCluster(
  db: Queryable,
  cluster: { readonly clusterId: string; readonly name: string },
  actor: string,
): Promise<RegisterOutcome> {
  requireValidCluster(cluster.clusterId, cluster.name);
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.register_cluster($1, $2, $3) as outcome`,
    values: [cluster.clusterId, cluster.name, actor],
    row: z.object({ outcome: z.enum(['registered', 'known', 'retired']) }),
  });
  return outcome;
}

export type AdoptedOutcome = 'adopted' | 'unchanged' | 'retired' | 'wrong_epoch' | 'not_registered';

/**
 * Initial sync is over: every address on the cluster's live objects is in the ledger. From now on it may allocate.
 * `epoch` is that of the ledger before the objects were listed; in another one the list has to be made again.
 */
export async function markAdopted(
  db: Queryable,
  { clusterId, epoch }: { readonly clusterId: string; readonly epoch: number },
  actor: string,
): Promise<AdoptedOutcome> {
  requireValidCluster(clusterId);
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.mark_adopted($1, $2, $3) as outcome`,
    values: [clusterId, epoch, actor],
    row: z.object({ outcome: z.enum(['adopted', 'unchanged', 'retired', 'wrong_epoch', 'not_registered']) }),
  });
  return outcome;
}

const optionalDate = optionalColumn(z.date());

const clusterRow: z.ZodType<Cluster> = z
  .object({
    cluster_id: z.string(),
    name: z.string(),
    registered_at: z.date(),
    adopted_at: optionalDate,
    reported_epoch: z.int(),
    last_resync_at: optionalDate,
    retired_at: optionalDate,
  })
  .transform((row) => ({
    clusterId: row.cluster_id,
    name: row.name,
    registeredAt: row.registered_at,
    adoptedAt: row.adopted_at,
    reportedEpoch: row.reported_epoch,
    lastResyncAt: row.last_resync_at,
    retiredAt: row.retired_at,
  }));

/** All clusters, also retired ones, in the order of their registration. */
export function listClusters(db: Queryable): Promise<Cluster[]> {
  return db.query({
    text: `select cluster_id, name, registered_at, adopted_at, reported_epoch, last_resync_at, retired_at
           from rock_mac.clusters order by registered_at, cluster_id`,
    values: [],
    row: clusterRow,
  });
}

export interface Retired {
  /** `unchanged`: it was retired before. */
  readonly outcome: 'retired' | 'unchanged' | 'not_registered';
  /** How many of its addresses became orphaned now; each is freed by force only. */
  readonly orphaned: number;
}

/** Rows that one call of the function orphans: a few hundred milliseconds of work. */
const SLICE = 5_000;

/** The end of a cluster: it may not allocate any more, and what it still holds becomes orphaned. */
export async function retireCluster(db: Queryable, clusterId: string, actor: string): Promise<Retired> {
  requireValidCluster(clusterId);
  const retireSlice = () =>
    queryOne(db, {
      text: `select outcome, orphaned, left_over from rock_mac.retire_cluster($1, $2, $3)`,
      values: [clusterId, SLICE, actor],
      row: z.object({
        outcome: z.enum(['retired', 'unchanged', 'not_registered']),
        orphaned: z.int(),
        left_over: z.int(),
      }),
    });
  const { outcome, ...first } = await retireSlice();
  let { orphaned, left_over: leftOver } = first;
  while (leftOver > 0) {
    const next = await retireSlice();
    orphaned += next.orphaned;
    leftOver = next.left_over;
  }
  return { outcome, orphaned };
}
