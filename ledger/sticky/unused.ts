import { z } from 'zod';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import {
  type AddressRef,
  addressRefSchema,
  addressRefsJson,
  itemsJson,
  outcomeStatement,
} from '../address/address-ref.ts';
import { ADDRESS_COLUMNS, type AddressRow, addressRowSchema } from '../address/address-row.ts';
import { MISSING_SECONDS_WITHOUT_PERIOD } from '../address/mark-missing.ts';
import { type Invalid, runEach } from '../address/validate.ts';
import type { Queryable } from '../connection/statement.ts';

/** `not_held`: its owner has changed, or it is not sticky, or not active. */
export type MarkUnusedOutcome = { readonly outcome: 'unused' | 'not_held' } | Invalid;

/**
 * Records that no object uses these sticky addresses from now on (`missingSince`). An older mark stays. The caller has seen the end
 * of the object, and that no other one of its name has come.
 */
export async function markUnused(db: Queryable, items: readonly AddressRef[]): Promise<MarkUnusedOutcome[]> {
  const text = `select outcome from rock_mac.mark_unused($1::jsonb) order by ord`;
  return runEach(items, addressRefSchema, (group) =>
    db.query(outcomeStatement(text, [addressRefsJson(group)], ['unused', 'not_held'])),
  );
}

/**
 * Returns sticky addresses of a cluster that were unused for longer than their pool's auto-release period (24 hours if it has none),
 * in the order of the addresses. None while the clock of the database is not believed, and none whose last pod may still run. Most of
 * them stay: the operator decides by the controller of the workload, then calls `releaseUnused`.
 *
 * @param after the last address of the page before
 */
export function unusedAddresses(
  db: Queryable,
  clusterId: string,
  { after, limit }: { readonly after?: MacAddress | undefined; readonly limit: number },
): Promise<AddressRow[]> {
  return db.query({
    text: `select ${ADDRESS_COLUMNS} from rock_mac.addresses a join rock_mac.pools p using (pool_id)
           where a.cluster_id = $1 and a.missing_since is not null and a.state = 'active' and rock_mac.is_sticky(a.holder_key)
             and a.unreachable_node is null and a.addr > $2
             and a.missing_since < rock_mac.clock() - coalesce(p.auto_release, make_interval(secs => $3))
             and (select rock_mac.expiry_held()) is null
           order by a.addr limit $4`,
    values: [clusterId, after === undefined ? -1 : macToNumber(after), MISSING_SECONDS_WITHOUT_PERIOD, limit],
    row: addressRowSchema,
  });
}

const RELEASE_OUTCOMES = [
  'released',
  'already_released',
  'not_owner',
  'unknown',
  'used',
  'unreachable',
  'held',
] as const;

/**
 * `used`: it was replayed, bound or marked anew since the caller read it. `unreachable`: its last pod may still run. `held`: the
 * clock of the database is not believed. The others are as in `ReleaseOutcome`.
 */
export type ReleaseUnusedOutcome = { readonly outcome: (typeof RELEASE_OUTCOMES)[number] } | Invalid;

export interface UnusedItem extends AddressRef {
  /** `missingSince` of the row that the caller read. */
  readonly missingSince: Date;
  /** As in `ReleaseItem`. */
  readonly endUnseen?: boolean | undefined;
}

const unusedItemSchema = addressRefSchema.extend({ missingSince: z.date(), endUnseen: z.boolean().optional() });

/** Releases sticky addresses that are still unused since the time that the caller read. */
export async function releaseUnused(
  db: Queryable,
  items: readonly UnusedItem[],
  { actor, reason }: { readonly actor: string; readonly reason: string },
): Promise<ReleaseUnusedOutcome[]> {
  const text = `select outcome from rock_mac.release_unused($1::jsonb, $2, $3) order by ord`;
  const columns = ({ generation, key, missingSince, endUnseen }: UnusedItem) => {
    return { generation, key, missing_since: missingSince, end_unseen: endUnseen };
  };
  return runEach(items, unusedItemSchema, (group) =>
    db.query(outcomeStatement(text, [itemsJson(group, columns), actor, reason], RELEASE_OUTCOMES)),
  );
}
