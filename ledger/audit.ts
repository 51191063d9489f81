import { z } from 'zod';
import { macToNumber, type MacAddress } from '../mac/mac-address.ts';
import { addrSchema, stateSchema, type AddressState } from './owner.ts';
import type { Queryable } from './statement.ts';
import { storableText } from './storable-text.ts';
import { requireValid } from './validate.ts';

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
  /** At or after this moment. */
  readonly since?: Date | undefined;
  /** Only entries with a smaller id: the last of the page before. */
  readonly before?: number | undefined;
  /** Entries at most: 1 to 10,000; 100 when not given. */
  readonly limit?: number | undefined;
}

const filterSchema = z.object({
  pool: storableText(63).optional(),
  clusterId: storableText(64).optional(),
  deviceId: storableText(512).optional(),
  action: storableText(64).optional(),
  since: z.date().optional(),
  before: z.int().min(1).optional(),
  limit: z.int().min(1).max(10_000).optional(),
});

/** Null in a column is the absence of a property. */
const optional = <T>(schema: z.ZodType<T>) => schema.nullable().transform((value) => value ?? undefined);

const entryRow: z.ZodType<AuditEntry> = z
  .object({
    id: z.int(),
    timestamp: z.date(),
    action: z.string(),
    addr: optional(addrSchema),
    pool: z.string(),
    device_id: optional(z.string()),
    user: z.string(),
    actor: z.string(),
    reason: z.string(),
    generation: optional(z.int()),
    state_before: optional(stateSchema),
    state: optional(stateSchema),
    holder_key: optional(z.string()),
    cluster_id: optional(z.string()),
    owner: optional(z.string()),
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

/** A page of the audit, newest first. Throws BAD_REQUEST for a filter that makes no sense. */
export async function listAudit(db: Queryable, filter: AuditFilter = {}): Promise<AuditEntry[]> {
  requireValid(filterSchema, filter, 'The question to the audit');
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
      order by id desc limit $8`,
    values: [
      filter.mac === undefined ? null : macToNumber(filter.mac),
      filter.pool ?? null,
      filter.clusterId ?? null,
      filter.deviceId ?? null,
      filter.action ?? null,
      filter.since ?? null,
      filter.before ?? null,
      filter.limit ?? 100,
    ],
    row: entryRow,
  });
}
