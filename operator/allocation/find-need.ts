import type { AddressRow } from '../../ledger/address/address-row.ts';
import { leaveToReceiver } from './leave-to-receiver.ts';
import { findGuest, type GuestDeps } from './migrated-guest.ts';

/**
 * Why an address stays held although its owner has ended.
 *
 * - `used_by_guest`: a guest still uses it.
 * - `left`: the machine that receives it takes it over.
 * - `waits`: the cluster of that machine has not yet said whether it exists.
 */
export type Need = 'used_by_guest' | 'left' | 'waits';

export function isNeed(outcome: string): outcome is Need {
  return outcome === 'used_by_guest' || outcome === 'left' || outcome === 'waits';
}

/**
 * Returns why an address must stay held whose owner has ended, and leaves it to its receiver if the guest is there or nowhere. While
 * the guest runs at any other machine, the receiver must not get the address: two machines would use it.
 */
export async function findNeed(row: AddressRow, deps: GuestDeps): Promise<Need | undefined> {
  const guest = await findGuest(row, deps);
  if (guest === 'elsewhere') return 'used_by_guest';
  return (await leaveToReceiver(row, deps)) ?? (guest && 'used_by_guest');
}
