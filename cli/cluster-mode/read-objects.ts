import { FOUND, MAP_STATES } from '../../api/state-map.ts';
import { macAllocations } from '../../kube/client/mac-resources.ts';
import { matchText } from '../../ledger/address/search.ts';
import { markDigits } from '../../ledger/pool/mark-digits.ts';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import type { Address } from '../backend.ts';
import { addressOfAllocation } from './address-of-allocation.ts';
import type { Scope } from './scope.ts';

/*
 * What MacAllocations say about the ledger, for users without the read API.
 */

/** Returns the addresses of the MacAllocations that the user may see. */
export async function objectAddresses({ client, namespace, allNamespaces }: Scope): Promise<Address[]> {
  const { items } = await client.list(macAllocations, allNamespaces ? {} : { namespace });
  return items.flatMap((each) => addressOfAllocation(each) ?? []);
}

/** Draws the addresses of MacAllocations. All others look as if they had never been used. */
export async function mapOfObjects(
  scope: Scope,
  first: MacAddress,
  count: number,
  search?: string,
): Promise<Uint8Array> {
  const states = new Uint8Array(count);
  for (const address of await objectAddresses(scope)) {
    const index = macToNumber(address.mac) - macToNumber(first);
    if (index < 0 || index >= count) continue;
    const state = address.state === 'reserved' ? MAP_STATES.reserved : MAP_STATES.active;
    states[index] = search !== undefined && matchText(address, search) !== undefined ? state | FOUND : state;
  }
  return search === undefined ? states : markDigits(states, first, search);
}

/** Returns the addresses of MacAllocations in which a text is found. */
export async function searchObjects(scope: Scope, text: string, limit: number): Promise<Address[]> {
  const found = (await objectAddresses(scope)).filter((address) => matchText(address, text) !== undefined);
  return found.slice(0, limit);
}
