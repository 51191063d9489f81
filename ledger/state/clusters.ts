import { z } from 'zod';
import { requireReason } from '../address/reason.ts';
import { requireValid } from '../address/validate.ts';
import { optionalColumn, storableText } from '../column-schemas.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';

/** A Kubernetes cluster that uses this ledger. */
export interface Cluster {
  /** uid of its kube-system namespace */
  readonly clusterId: string;
  readonly name: string;
  readonly registeredAt: Date;
  /** When the initial sync wrote its live objects into the ledger. Before that it may not allocate. */
  readonly adoptedAt?: Date | undefined;
  /** The last epoch in which it reported its addresses in use. */
  readonly reportedEpoch: number;
  readonly lastResyncAt?: Date | undefined;
  readonly retiredAt?: Date | undefined;
  /** Since when another control plane with its identity waits for a decision. */
  readonly sharedSince?: Date | undefined;
}

const identity = z.object({
  clusterId: storableText(64).refine((id) => id !== '', 'is empty'),
  name: storableText(253).refine((name) => name !== '', 'is empty'),
});

function requireValidCluster(clusterId: string, name = clusterId): void {
  requireValid(identity, { clusterId, name }, 'The cluster');
}

/**
 * `known`: it was registered before; its name is updated. `retired`: it was retired and cannot return under this id.
 * `not_bound`: it is known, and only an admin gives this login a known cluster (`bindLogin`).
 */
export type RegisterOutcome = 'registered' | 'known' | 'retired' | 'not_bound';

export async function registerCluster(
  db: Queryable,
  cluster: { readonly clusterId: string; readonly name: string },
  actor: string,
): Promise<RegisterOutcome> {
  requireValidCluster(cluster.clusterId, cluster.name);
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.register_cluster($1, $2, $3) as outcome`,
    values: [cluster.clusterId, cluster.name, actor],
    row: z.object({ outcome: z.enum(['registered', 'known', 'retired', 'not_bound']) }),
  });
  return outcome;
}

/** Gives a database login a cluster: a second login of it, or one that registered before logins were bound. */
export async function bindLogin(
  db: Queryable,
  { login, clusterId }: { readonly login: string; readonly clusterId: string },
  { actor, reason = '' }: { readonly actor?: string | undefined; readonly reason?: string | undefined } = {},
): Promise<'bound' | 'not_registered'> {
  requireReason(reason);
  requireValidCluster(clusterId);
  requireValid(storableText(63), login, 'The login');
  const { outcome } = await queryOne(db, {
    text: `select rock_mac.bind_login($1, $2, coalesce($3, session_user), $4) as outcome`,
    values: [login, clusterId, actor, reason],
    row: z.object({ outcome: z.enum(['bound', 'not_registered']) }),
  });
  return outcome;
}

export type AdoptedOutcome = 'adopted' | 'unchanged' | 'retired' | 'wrong_epoch' | 'not_registered';

/**
 * Ends the initial sync: every address of the cluster's live objects is in the ledger, and it may allocate. `epoch` is
 * the epoch before the objects were listed. In another epoch they must be listed again.
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
    shared_since: optionalDate,
  })
  .transform((row) => ({
    clusterId: row.cluster_id,
    name: row.name,
    registeredAt: row.registered_at,
    adoptedAt: row.adopted_at,
    reportedEpoch: row.reported_epoch,
    lastResyncAt: row.last_resync_at,
    retiredAt: row.retired_at,
    sharedSince: row.shared_since,
  }));

/** Returns all clusters, including retired ones, in the order of registration. */
export function listClusters(db: Queryable): Promise<Cluster[]> {
  return db.query({
    text: `select cluster_id, name, registered_at, adopted_at, reported_epoch, last_resync_at, retired_at, shared_since
           from rock_mac.clusters order by registered_at, cluster_id`,
    values: [],
    row: clusterRow,
  });
}

/** Returns a cluster unless it is retired. Without an id there is none. */
export async function livingCluster(db: Queryable, clusterId: string | undefined): Promise<Cluster | undefined> {
  if (clusterId === undefined) return undefined;
  return (await listClusters(db)).find((each) => each.clusterId === clusterId && each.retiredAt === undefined);
}

export interface Retired {
  /** `unchanged`: it was already retired. */
  readonly outcome: 'retired' | 'unchanged' | 'not_registered';
  /** How many of its addresses this call orphaned. Each is released only by force. */
  readonly orphaned: number;
}

/** Rows of each kind that one call orphans or ends, which takes a few hundred milliseconds. */
const SLICE = 5_000;

/** Retires a cluster: it may not allocate any more, the addresses that it still holds become orphaned, and what it has observed ends. */
export async function retireCluster(
  db: Queryable,
  clusterId: string,
  actor: string,
  reason = 'cluster retired',
): Promise<Retired> {
  requireReason(reason);
  requireValidCluster(clusterId);
  const retireSlice = () =>
    queryOne(db, {
      text: `select outcome, orphaned, left_over from rock_mac.retire_cluster($1, $2, $3, $4)`,
      values: [clusterId, SLICE, actor, reason],
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
