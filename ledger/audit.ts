import { z } from 'zod';
import { macToNumber, type MacAddress } from '../mac/mac-address.ts';
import { optionalColumn } from './columns/optional-column.ts';
import { addrSchema, stateSchema, type AddressState } from './address/owner.ts';
import type { Queryable } from './connection/statement.ts';
import { storableText } from './columns/storable-text.ts';
import { requireValid } from './address/validate.ts';

/** One change of one address. */
export interface AuditEntry {
  /** Rises with time. */
  readonly id: number;
  readonly timestamp: Date;
  /** allocate, reserve, adopt, import, bind, release, restore, orphan, keep, consume or change */
  readonly action: string;
  /** Absent in imported rows of the old tool that name a device instead. */
  readonly mac?: MacAddress | undefined;
  readonly pool: string;
  readonly deviceId?: string | undefined;
  /** On whose behalf: the requester of a new owner, else the actor. */
  readonly user: string;
  readonly actor: string;
  readonly reason: string;
  readonly generation?: number | undefined;
  readonly stateBefore?: AddressState | undefined;
  readonly state?: AddressState | undefined;
  readonly key?: string | undefined;
  readonly clusterId?: string | undefined;
  /** kind/namespace/name/nic, for people; the parts are in `details`. */
  readonly owner?: string | undefined;
  readonly details: Readonly<Record<string, unknown>>;
}

export interface AuditFilter {
  readonly mac?: MacAddress | undefined;
  readonly pool?: string | undefined;
  readonly clusterId?: string | undefined;
  readonly deviceId?: string | undefined;
  readonly action?: string | undefined;
  /** Asked for on behalf of this user, or done by this program or person. */
  readonly actor?: string | undefined;
  /** At or after this moment. */
  readonly since?: Date | undefined;
  /** Only entries with a smaller id: the last of the page before. */
  readonly before?: number | undefined;
  /** Only entries with a larger id, oldest first: what was added since the last look. */
  readonly after?: number | undefined;
  /** Entries at most: 1 to 10,000; 100 when not given. */
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
  after: z.int().min(0).optional(),
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

/**
 * Numbers are given out before they are committed, so that 7 may be seen before 6 is: whoever then goes on behind 7 misses
 * 6 for ever. So what lies behind a gap waits while anything is at work that may fill it, and a minute at most: longer
 * than any transaction of the ledger takes but an import. Most gaps are never filled, since whoever took the number failed.
 */
const FOLLOWING = `
  and id > $9 and id < coalesce((
    select min(recent.id) from (
      select l.id, coalesce(lag(l.id) over (order by l.id), (select max(b.id) from rock_mac.audit_log b where b.id < l.id), 0) as previous
      from rock_mac.audit_log l where l."timestamp" > rock_mac.clock() - interval '1 minute') recent
    where recent.id > $9 and recent.id > recent.previous + 1
      and age(pg_snapshot_xmin(pg_current_snapshot())::xid) > 0), 9223372036854775807)`; // 0: nothing is at work

/**
 * A page of the audit: newest first, or oldest first behind `after`. To follow it, ask behind the last entry again and
 * again: none is left out. Throws BAD_REQUEST for a filter that makes no sense.
 */
export async function listAudit(db: Queryable, filter: AuditFilter = {}): Promise<AuditEntry[]> {
  requireValid(filterSchema, filter, 'The question to the audit');
  const following = filter.after !== undefined;
  return db.query({
    text: `select id, "timestamp", action, rock_mac.to_addr(mac_address) as addr, pool, device_id, "user", actor, reason, generation,
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
        ${following ? FOLLOWING : 'and $9::bigint is null'}
      order by id ${following ? 'asc' : 'desc'} limit $10`,
    values: [
      filter.mac === undefined ? null : macToNumber(filter.mac),
      filter.pool,
      filter.clusterId,
      filter.deviceId,
      filter.action,
      filter.since,
      filter.before,
      filter.actor,
      filter.after,
      filter.limit ?? 100,
    ],
    row: entryRow,
  });
}
