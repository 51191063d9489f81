import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { observationsOfMac } from '../../ledger/observation/observations.ts';
import { addressView } from '../../ledger/view/address-view.ts';
import type { Address } from '../backend.ts';

/** Returns an address with the live objects that use it without owning it. */
export async function withObservers(db: Queryable, row: AddressRow): Promise<Address> {
  const observations = row.observed ? await observationsOfMac(db, row.mac) : [];
  const observedOn = observations.map(({ object, since }) => ({ ...object, since }));
  return { ...addressView(row), ...(observedOn.length > 0 && { observedOn }) };
}
