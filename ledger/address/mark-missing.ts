import { z } from 'zod';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import type { Prefixes } from '../../mac/mac-range.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';
import { ADDRESS_COLUMNS, type AddressRow, addressRowSchema } from './address-row.ts';
import { requireValid } from './validate.ts';

/** Returns the ledger's time. Read it before a resync lists objects; the resync ignores rows that changed later. */
export async function ledgerTime(db: Queryable): Promise<Date> {
  const { now } = await queryOne(db, {
    text: `select rock_mac.clock() as now`,
    values: [],
    row: z.object({ now: z.date() }),
  });
  return now;
}

export interface ResyncReport {
  readonly clusterId: string;
  /** `ledgerTime` before the first list. */
  readonly startedAt: Date;
  /** The prefixes of the ledger, read before the first list. Without one of these, `allocate` gives nothing from a pool under a new one. */
  readonly prefixes?: Prefixes;
  /** Every address of the ledger's prefix on any live object of the cluster, including claims. */
  readonly seen: readonly MacAddress[];
}

export interface MissingMarked {
  /**
   * How many addresses this call marked as missing (`missingSince`), and how many marks it removed because they are
   * back.
   */
  readonly marked: number;
  readonly cleared: number;
}

/**
 * Marks the active addresses of a cluster that a complete resync did not see. Releases nothing. The resync must be
 * trusted: every page of a quorum list arrived, and the cluster is the registered one.
 */
export async function markMissing(db: Queryable, resync: ResyncReport): Promise<MissingMarked> {
  requireValid(z.date(), resync.startedAt, 'The start of the resync');
  return queryOne(db, {
    text: `select marked, cleared from rock_mac.mark_missing($1, $2, $3::bigint[], $4::text[])`,
    values: [resync.clusterId, resync.startedAt, resync.seen.map(macToNumber), [...(resync.prefixes ?? [])]],
    row: z.object({ marked: z.int(), cleared: z.int() }),
  });
}

/**
 * How long an object must be missing if its pool has no auto-release period: 24 hours. "Never" protects owners that
 * exist.
 */
export const MISSING_SECONDS_WITHOUT_PERIOD = 86_400;

/**
 * Returns active addresses of a cluster that were missing for longer than their pool's auto-release period, longest
 * first, without sticky ones (`unusedAddresses`). None while the clock of the database is not believed. The operator checks each object by its uid before it releases
 * the address.
 */
export function missingAddresses(db: Queryable, clusterId: string, limit: number): Promise<AddressRow[]> {
  return db.query({
    text: `select ${ADDRESS_COLUMNS} from rock_mac.addresses a join rock_mac.pools p using (pool_id)
           where a.cluster_id = $1 and a.state = 'active' and not rock_mac.is_sticky(a.holder_key)
             and a.missing_since < rock_mac.clock() - coalesce(p.auto_release, make_interval(secs => $2))
             and (select rock_mac.expiry_held()) is null
           order by a.missing_since, a.addr limit $3`,
    values: [clusterId, MISSING_SECONDS_WITHOUT_PERIOD, limit],
    row: addressRowSchema,
  });
}
