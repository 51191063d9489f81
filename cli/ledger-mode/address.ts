import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { Address } from '../backend.ts';

/** What the commands show of a row: all but what only the ledger compares by. */
export function toAddress(row: AddressRow): Address {
  const { mac, pool, state, generation, device, owner, consumer, metadata, requester, reason } = row;
  const { allocatedAt, changedAt, expiresAt, releasedAt, reusableAt, missingSince } = row;
  return {
    ...{ mac, pool, state, generation, device, owner, consumer, metadata, requester, reason },
    ...{ allocatedAt, changedAt, expiresAt, releasedAt, reusableAt, missingSince },
  };
}
