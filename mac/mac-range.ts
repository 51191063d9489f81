import { type MacAddress, macToNumber, parseAnyMac } from './mac-address.ts';

/** A contiguous range of addresses, including both ends. */
export interface MacRange {
  readonly first: MacAddress;
  readonly last: MacAddress;
}

export function rangeContains(range: MacRange, address: MacAddress): boolean {
  const addr = macToNumber(address);
  return addr >= macToNumber(range.first) && addr <= macToNumber(range.last);
}

/**
 * Returns whether an address is under a prefix of whole octets, such as `a4:58:0f`.
 * rock-mac ignores addresses outside its prefix.
 */
export function hasPrefix(address: MacAddress, prefix: MacPrefix): boolean {
  return address.startsWith(`${prefix}:`);
}

/** One to five octets in lower-case colon form. */
export type MacPrefix = string & { readonly __brand: 'MacPrefix' };

/** Parses one to five octets with colons or dashes, in any case; returns undefined if the text is not a prefix. */
export function parsePrefix(text: string): MacPrefix | undefined {
  const lower = text.trim().toLowerCase().replaceAll('-', ':');
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){0,4}$/.test(lower)) return undefined;
  return lower as MacPrefix;
}

/** Returns the range of all addresses under a prefix. */
export function prefixRange(prefix: MacPrefix): MacRange {
  const missing = 6 - prefix.split(':').length;
  const first = parseAnyMac(prefix + ':00'.repeat(missing));
  const last = parseAnyMac(prefix + ':ff'.repeat(missing));
  if (first === undefined || last === undefined) throw new RangeError(`${prefix} is not a MAC prefix`);
  return { first, last };
}
