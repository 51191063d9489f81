import { z } from 'zod';
import type { Queryable } from '../connection/statement.ts';
import { ADDRESS_COLUMNS, type AddressRow, addressRowSchema } from './address-row.ts';

/** Expired claims of a cluster. None while the clock of the database is not believed. */
const EXPIRED = `a.state = 'active' and a.cluster_id = $1 and a.owner_kind = 'MacAllocation' and a.expires_at < rock_mac.clock()
             and (select rock_mac.expiry_held()) is null`;

/**
 * Returns the expired claims of a cluster in some pools, oldest expiry first. The ledger never releases them itself. Their
 * operator first checks whether they were renewed or are in use.
 */
export function expiredClaims(
  db: Queryable,
  {
    clusterId,
    pools,
    limit,
  }: { readonly clusterId: string; readonly pools: readonly string[]; readonly limit: number },
): Promise<AddressRow[]> {
  return db.query({
    text: `select ${ADDRESS_COLUMNS} from rock_mac.addresses a join rock_mac.pools p using (pool_id)
           where ${EXPIRED} and p.name = any ($2)
           order by a.expires_at, a.addr limit $3`,
    values: [clusterId, pools, limit],
    row: addressRowSchema,
  });
}

/** Returns how many claims of a cluster have expired, of each pool that has any. */
export function expiredClaimsByPool(
  db: Queryable,
  clusterId: string,
): Promise<{ readonly pool: string; readonly count: number }[]> {
  return db.query({
    text: `select p.name as pool, count(*) as count from rock_mac.addresses a join rock_mac.pools p using (pool_id)
           where ${EXPIRED} group by p.name`,
    values: [clusterId],
    row: z.object({ pool: z.string(), count: z.int() }),
  });
}
