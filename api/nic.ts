import { parseMac, type MacAddress } from '../mac/mac-address.ts';
import { hasPrefix, type MacPrefix } from '../mac/mac-range.ts';

/** An address of ours on an interface of a stored object. */
export interface Nic {
  readonly nic: string;
  readonly mac: MacAddress;
}

/** The address in canonical form where it is one under our prefix; everything else is nobody of ours. */
export function ourMac(text: string | undefined, prefix: MacPrefix): MacAddress | undefined {
  if (text === undefined) return undefined;
  const parsed = parseMac(text);
  return parsed.ok && hasPrefix(parsed.mac, prefix) ? parsed.mac : undefined;
}
