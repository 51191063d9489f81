import { type MacAddress, parseMac } from '../mac/mac-address.ts';
import { type Prefixes, underAny } from '../mac/mac-range.ts';

/** An address under one of the prefixes on an interface of a stored object. */
export interface Nic {
  readonly nic: string;
  readonly mac: MacAddress;
  /** The annotation that reports addresses names it, and the networks do not: another admission plugin changed them. */
  readonly isOnlyReported?: boolean;
  /** The address that the interface really has, if it is another one. */
  readonly actualMac?: MacAddress;
}

/** Returns the canonical address if the text is a unicast MAC under one of the prefixes; otherwise undefined. */
export function ourMac(text: string | undefined, prefixes: Prefixes): MacAddress | undefined {
  if (text === undefined) return undefined;
  const parsed = parseMac(text);
  return parsed.ok && underAny(parsed.mac, prefixes) ? parsed.mac : undefined;
}
