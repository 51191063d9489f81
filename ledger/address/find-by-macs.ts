import { macToNumber, type MacAddress } from '../../mac/mac-address.ts';
import { ADDRESS_COLUMNS, addressRowSchema, type AddressRow } from './address-row.ts';
import type { Queryable } from '../connection/statement.ts';

/** Returns the rows of these addresses, in numeric order. Addresses that were never used are left out. */
export function findByMacs(db: Queryable, macs: readonly MacAddress[]): Promise<AddressRow[]> {
  return db.query({
    text: `select ${ADDRESS_COLUMNS} from rock_mac.addresses a join rock_mac.pools p using (pool_id)
           where a.addr = any ($1::bigint[]) order by a.addr`,
    values: [macs.map(macToNumber)],
    row: addressRowSchema,
  });
}
