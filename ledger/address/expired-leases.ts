import type { Queryable } from '../connection/statement.ts';
import { ADDRESS_COLUMNS, type AddressRow, addressRowSchema } from './address-row.ts';

/**
 * Returns pending addresses of a cluster whose lease has expired, oldest expiry first. The ledger never releases them
 * itself, because an unseen object may use them. The operator checks, then calls `releaseExpired`. None while the clock of
 * the database is not believed.
 */
export function expiredLeases(db: Queryable, clusterId: string, limit: number): Promise<AddressRow[]> {
  return db.query({
    text: `select ${ADDRESS_COLUMNS} from rock_mac.addresses a join rock_mac.pools p using (pool_id)
           where a.state = 'pending' and a.cluster_id = $1 and a.expires_at < rock_mac.clock()
             and (select rock_mac.expiry_held()) is null
           order by a.expires_at, a.addr limit $2`,
    values: [clusterId, limit],
    row: addressRowSchema,
  });
}
