import { FOUND } from '../../api/state-map.ts';
import { type MacAddress, macToNumber } from '../../mac/mac-address.ts';
import { hasPartialMac, parsePartialMac } from '../../mac/partial-mac.ts';

/** Returns a map with a mark on the addresses that have the digits of a text, also on those that no owner ever had. */
export function markDigits(states: Uint8Array, first: MacAddress, text: string): Uint8Array {
  const partial = parsePartialMac(text);
  if (partial === undefined) return states;
  const from = macToNumber(first);
  return states.map((state, index) => (hasPartialMac(from + index, partial) ? state | FOUND : state));
}
