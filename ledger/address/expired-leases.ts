import { ADDRESS_COLUMNS, addressRowSchema, type AddressRow } from './address-row.ts';
import { addressRefSchema, addressRefsJson, outcomeStatement, type AddressRef } from './address-ref.ts';
import type { Queryable } from '../connection/statement.ts';
import { runEach, type Invalid } from './validate.ts';

/**
 * Returns pending addresses of a cluster whose lease has expired, oldest expiry first. The ledger never releases them
 * itself, because an unseen object may use them. The operator checks, then calls `releaseExpiredLeases`.
 */
export function expiredLeases(db: Queryable, clusterId: string, limit: number): Promise<AddressRow[]> {
  return db.query({
    text: `select ${ADDRESS_COLUMNS} from rock_mac.addresses a join rock_mac.pools p using (pool_id)
           where a.state = 'pending' and a.cluster_id = $1 and a.expires_at < rock_mac.clock()
           order by a.expires_at, a.addr limit $2`,
    values: [clusterId, limit],
    row: addressRowSchema,
  });
}

const OUTCOMES = ['released', 'already_released', 'not_owner', 'unknown', 'renewed'] as const;

/** `renewed`: a repeated request renewed the lease, or the address was bound. */
export type ReleaseLeaseOutcome = { readonly outcome: (typeof OUTCOMES)[number] } | Invalid;

/** Releases pending addresses without an object, if their lease is still expired. */
export async function releaseExpiredLeases(
  db: Queryable,
  items: readonly AddressRef[],
  { actor, reason }: { readonly actor: string; readonly reason: string },
): Promise<ReleaseLeaseOutcome[]> {
  const text = `select outcome from rock_mac.release_expired_leases($1::jsonb, $2, $3) order by ord`;
  return runEach(items, addressRefSchema, (group) =>
    db.query(outcomeStatement(text, [addressRefsJson(group), actor, reason], OUTCOMES)),
  );
}
