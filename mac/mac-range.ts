import { macToNumber, parseAnyMac, type MacAddress } from './mac-address.ts';

/** A contiguous range of addresses, both ends included. */
export interface MacRange {
  readonly first: MacAddress;
  readonly last: MacAddress;
}

/** How many addresses the range holds. */
export function rangeSize(range: MacRange): number {
  return macToNumber(range.last) - macToNumber(range.first) + 1;
}

export function rangeContains(range: MacRange, address: MacAddress): boolean {
  const addr = macToNumber(address);
  return addr >= macToNumber(range.first) && addr <= macToNumber(range.last);
}

export function rangesOverlap(a: MacRange, b: MacRange): boolean {
  return macToNumber(a.first) <= macToNumber(b.last) && macToNumber(b.first) <= macToNumber(a.last);
}

/**
 * Whether an address lies under a prefix of whole octets, such as `a4:58:0f`.
 * The prefix is what tells "ours" from "somebody else's": addresses outside it are never looked at.
 */
export function hasPrefix(address: MacAddress, prefix: MacPrefix): boolean {
  return address.startsWith(`${prefix}:`);
}

/** One to five octets in lower-case colon form. */
export type MacPrefix = string & { readonly __brand: 'MacPrefix' };

/** Reads a prefix of one to five octets with colons or dashes, in any case; `undefined` where the text is none. */
export function parsePrefix(text: string): MacPrefix | undefined {
  const lower = text.trim().toLowerCase().replaceAll('-', ':');
  if (!/^[0-9a-f]{2}(?::[0-9a-f]{2}){0,4}$/.test(lower)) return undefined;
  return lower as MacPrefix;
}

/** All addresses under a prefix. */
export function prefixRange(prefix: MacPrefix): MacRange {
  const missing = 6 - prefix.split(':').length;
  const first = parseAnyMac(prefix + ':00'.repeat(missing));
  const last = parseAnyMac(prefix + ':ff'.repeat(missing));
  if (first === undefined || last === undefined) throw new RangeError(`${prefix} is not a MAC prefix`);
  return { first, last };
}
