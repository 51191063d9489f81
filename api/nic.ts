import { type MacAddress, parseMac } from '../mac/mac-address.ts';
import { hasPrefix, type MacPrefix } from '../mac/mac-range.ts';

/** An address under the prefix on an interface of a stored object. */
export interface Nic {
  readonly nic: string;
  readonly mac: MacAddress;
  /** The annotation that reports addresses names it, and the networks do not: another admission plugin changed them. */
  readonly isOnlyReported?: boolean;
  /** The address that the interface really has, if it is another one. */
  readonly actualMac?: MacAddress;
}

/** Returns the canonical address if the text is a unicast MAC under the prefix; otherwise undefined. */
export function ourMac(text: string | undefined, prefix: MacPrefix): MacAddress | undefined {
  if (text === undefined) return undefined;
  const parsed = parseMac(text);
  return parsed.ok && hasPrefix(parsed.mac, prefix) ? parsed.mac : undefined;
}
