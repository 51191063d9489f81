import { ADDRESS_COLUMNS, addressRowSchema, type AddressRow } from './address-row.ts';
import type { Queryable } from '../connection/statement.ts';

/**
 * Returns the expired claims of a cluster, oldest expiry first. The ledger never releases them itself. Their operator
 * first checks whether they were renewed or are in use.
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
