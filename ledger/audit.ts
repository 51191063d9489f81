import { z } from 'zod';
import { type MacAddress, macToNumber } from '../mac/mac-address.ts';
import { type AddressState, addrSchema, stateSchema } from './address/owner.ts';
import { requireValid } from './address/validate.ts';
import { optionalColumn, storableText } from './column-schemas.ts';
import type { Queryable } from './connection/statement.ts';

/** The kinds of change. An imported history can have others. */
export const AUDIT_ACTIONS = [
  ...(['stock', 'allocate', 'reserve', 'adopt', 'import', 'observe', 'bind', 'transfer', 'release'] as const),
  ...(['restore', 'orphan', 'keep', 'consume', 'unreachable', 'reachable', 'renew', 'set', 'change'] as const),
  // Of no address: a pool, a prefix, a cluster or the ledger.
  ...(['pool-add', 'pool-grow', 'pool-strategy', 'pool-pause', 'pool-resume', 'pool-limit', 'pool-remove'] as const),
  ...(['prefix-add', 'prefix-change', 'prefix-remove', 'cluster-bind', 'cluster-retire', 'cluster-identity'] as const),
  ...(['recover-without', 'recover-approve', 'trust-clock'] as const),
];

/** One recorded change of an address, or of what addresses depend on: a pool, a prefix, a cluster, or the ledger itself. */
export interface AuditEntry {
  /** Increases with time. */
  readonly id: number;
  readonly timestamp: Date;
  /** One of AUDIT_ACTIONS, or one that was imported. */
  readonly action: string;
  /** Absent if the change is of no address, and in imported rows of the predecessor that name a device instead. */
  readonly mac?: MacAddress | undefined;
  readonly pool: string;
  readonly deviceId?: string | undefined;
  /** The requester of a new owner; for every other change, the actor. */
  readonly user: string;
  readonly actor: string;
  readonly reason: string;
  /** The database login that made it. The actor is only what the program said. */
  readonly login: string;
  readonly generation?: number | undefined;
  readonly stateBefore?: AddressState | undefined;
  readonly state?: AddressState | undefined;
  readonly key?: string | undefined;
  readonly clusterId?: string | undefined;
  /** kind/namespace/name/nic, for people; without an address, what was changed. `details` has the parts. */
  readonly owner?: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface AuditFilter {
  readonly mac?: MacAddress | undefined;
  readonly pool?: string | undefined;
  readonly clusterId?: string | undefined;
  readonly deviceId?: string | undefined;
  readonly action?: string | undefined;
  /** Matches the user on whose behalf the change happened, or the program or person that made it. */
  readonly actor?: string | undefined;
  /** Entries at or after this time. */
  readonly since?: Date | undefined;
  /** Entries with a smaller id: pass the last id of the previous page. */
  readonly before?: number | undefined;
  /** Entries of these ids, oldest first. `followAudit` knows which of them no transaction adds to any more. */
  readonly between?: { readonly after: number; readonly upTo: number } | undefined;
  /** Maximum number of entries: 1 to 10,000. Default: 100. */
  readonly limit?: number | undefined;
}

const filterSchema = z.object({
  pool: storableText(63).optional(),
  clusterId: storableText(64).optional(),
  deviceId: storableText(512).optional(),
  action: storableText(64).optional(),
  actor: storableText(1024).optional(),
  since: z.date().optional(),
  before: z.int().min(1).optional(),
  between: z.object({ after: z.int(), upTo: z.int() }).optional(),
  limit: z.int().min(1).max(10_000).optional(),
});

const entryRow: z.ZodType<AuditEntry> = z
  .object({
    id: z.int(),
    timestamp: z.date(),
    action: z.string(),
    addr: optionalColumn(addrSchema),
    pool: z.string(),
    device_id: optionalColumn(z.string()),
    user: z.string(),
    actor: z.string(),
    reason: z.string(),
    login: z.string(),
    generation: optionalColumn(z.int()),
    state_before: optionalColumn(stateSchema),
    state: optionalColumn(stateSchema),
    holder_key: optionalColumn(z.string()),
    cluster_id: optionalColumn(z.string()),
    owner: optionalColumn(z.string()),
    details: z.record(z.string(), z.unknown()),
  })
  .transform(({ addr, device_id, state_before, holder_key, cluster_id, ...row }) => ({
    ...row,
    mac: addr,
    deviceId: device_id,
    stateBefore: state_before,
    key: holder_key,
    clusterId: cluster_id,
  }));

/** Returns a page of the audit: newest first, or oldest first with `between`. Throws BAD_REQUEST for an invalid filter. */
export async function listAudit(db: Queryable, filter: AuditFilter = {}): Promise<AuditEntry[]> {
  requireValid(filterSchema, filter, 'The audit filter');
  return db.query({
    text: `select id, "timestamp", action, rock_mac.to_addr(mac_address) as addr, pool, device_id, "user", actor, reason, login, generation,
             state_before, state, holder_key, cluster_id, owner, details
      from rock_mac.audit_log
      where ($1::bigint is null or mac_address = rock_mac.to_mac($1))
        and ($2::text is null or pool = $2)
        and ($3::text is null or cluster_id = $3)
        and ($4::text is null or device_id = $4)
        and ($5::text is null or action = $5)
        and ($6::timestamptz is null or "timestamp" >= $6)
        and ($7::bigint is null or id < $7)
        and ($8::text is null or "user" = $8 or actor = $8)
        and ($9::bigint is null or id > $9)
        and ($10::bigint is null or id <= $10)
      order by id ${filter.between === undefined ? 'desc' : 'asc'} limit $11`,
    values: [
      filter.mac === undefined ? null : macToNumber(filter.mac),
      filter.pool,
      filter.clusterId,
      filter.deviceId,
      filter.action,
      filter.since,
      filter.before,
      filter.actor,
      filter.between?.after,
      filter.between?.upTo,
      filter.limit ?? 100,
    ],
    row: entryRow,
  });
}
