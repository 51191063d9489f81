import { ADDRESS_COLUMNS, addressRowSchema, type AddressRow } from './address-row.ts';
import type { Queryable } from '../connection/statement.ts';

/**
 * Claims of a cluster whose time is over, longest over first. The ledger never frees them by itself: their operator looks
 * whether they were renewed, and whether somebody uses them.
 */
export function expiredClaims(db: Queryable, clusterId: string, limit: number): Promise<AddressRow[]> {
  return db.query({
    text: `select ${ADDRESS_COLUMNS} from rock_mac.addresses a join rock_mac.pools p using (pool_id)
           where a.state = 'active' and a.cluster_id = $1 and a.owner_kind = 'MacAllocation' and a.expires_at < rock_mac.clock()
           order by a.expires_at, a.addr limit $2`,
    values: [clusterId, limit],
    row: addressRowSchema,
  });
}
