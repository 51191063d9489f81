import { z } from 'zod';
import type { Queryable } from '../connection/statement.ts';

/** How much of the ledger belongs to a cluster. */
export interface ClusterCounts {
  readonly clusterId: string;
  /** Addresses that it holds, those of its webhooks' stocks included. */
  readonly addresses: number;
  /** How many of them are orphaned. */
  readonly orphaned: number;
  /** Objects that hold them. */
  readonly objects: number;
  /** Addresses that its objects use without owning them. */
  readonly observed: number;
}

const countsRow: z.ZodType<ClusterCounts> = z
  .object({
    cluster_id: z.string(),
    addresses: z.int(),
    orphaned: z.int(),
    objects: z.int(),
    observed: z.int(),
  })
  .transform(({ cluster_id: clusterId, ...counts }) => ({ clusterId, ...counts }));

/**
 * Returns the counts of every cluster, in the order of registration. Reads every held address, so call it on an interval and never
 * in a request of an admission.
 */
export function clusterCounts(db: Queryable): Promise<ClusterCounts[]> {
  return db.query({
    text: `select c.cluster_id, coalesce(h.addresses, 0) as addresses, coalesce(h.orphaned, 0) as orphaned, coalesce(h.objects, 0) as objects,
             (select count(distinct o.addr) from rock_mac.observations o where o.cluster_id = c.cluster_id) as observed
           from rock_mac.clusters c left join (
             select o.cluster_id, sum(o.addresses)::bigint as addresses, sum(o.orphaned)::bigint as orphaned, count(*) as objects
             from (select a.cluster_id, count(*) as addresses, count(*) filter (where a.state = 'orphaned') as orphaned
                   from rock_mac.addresses a where a.cluster_id is not null and a.state <> 'released'
                   group by a.cluster_id, a.owner_kind, a.owner_namespace, a.owner_name) o
             group by o.cluster_id) h using (cluster_id)
           order by c.registered_at, c.cluster_id`,
    values: [],
    row: countsRow,
  });
}
