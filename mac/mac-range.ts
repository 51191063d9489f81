import { type MacAddress, macToNumber, numberToMac, parseAnyMac } from './mac-address.ts';

/** A contiguous range of addresses, including both ends. */
export interface MacRange {
  readonly first: MacAddress;
  readonly last: MacAddress;
}

export function rangeContains(range: MacRange, address: MacAddress): boolean {
  const addr = macToNumber(address);
  return addr >= macToNumber(range.first) && addr <= macToNumber(range.last);
}

export function rangesOverlap(one: MacRange, other: MacRange): boolean {
  return macToNumber(one.first) <= macToNumber(other.last) && macToNumber(other.first) <= macToNumber(one.last);
}

/** Returns the number of addresses in a range. */
export function rangeSize({ first, last }: MacRange): number {
  return macToNumber(last) - macToNumber(first) + 1;
}

/** Returns the range of `size` addresses from `first` on, or `undefined` if there are not that many. */
export function rangeOfSize(first: MacAddress, size: number): MacRange | undefined {
  const last = macToNumber(first) + size - 1;
  return last > HIGHEST ? undefined : { first, last: numberToMac(last) };
}

const HIGHEST = 2 ** 48 - 1;

/**
 * The beginning that addresses share: 2 to 10 hex digits (8 to 40 bits) in lower case, with a colon after every second one,
 * such as `a4:58:0f` or `8c:1f:64:12:3`. IEEE assigns blocks of 24, 28 and 36 bits
 * (https://standards.ieee.org/products-programs/regauth/).
 */
export type MacPrefix = string & { readonly __brand: 'MacPrefix' };

/** The prefixes of a ledger. It grants no others. They never overlap. */
export type Prefixes = readonly MacPrefix[];

/** Returns whether an address is under one of the prefixes. */
export function underAny(address: MacAddress, prefixes: Prefixes): boolean {
  return prefixes.some((prefix) => address.startsWith(prefix));
}

/** With colons, with dashes, or without either, as addresses are written. A mixture is probably a typing error. */
const NOTATIONS: readonly RegExp[] = [
  /^[0-9a-f]{2}(?::[0-9a-f]{2}){0,4}$/,
  /^[0-9a-f]{2}(?::[0-9a-f]{2}){0,3}:[0-9a-f]$/,
  /^[0-9a-f]{2}(?:-[0-9a-f]{2}){0,4}$/,
  /^[0-9a-f]{2}(?:-[0-9a-f]{2}){0,3}-[0-9a-f]$/,
  /^[0-9a-f]{2,10}$/,
];

/** Parses a prefix in any case; returns undefined if the text is not one. */
export function parsePrefix(text: string): MacPrefix | undefined {
  const lower = text.trim().toLowerCase();
  if (!NOTATIONS.some((notation) => notation.test(lower))) return undefined;
  const digits = lower.replaceAll(/[^0-9a-f]/g, '');
  return (digits.match(/..?/g) ?? []).join(':') as MacPrefix;
}

/** Parses prefixes with spaces or commas between them; returns undefined if one of them is not a prefix. */
export function parsePrefixList(text: string): Prefixes | undefined {
  const parsed = text.split(/[\s,]+/).flatMap((part) => (part === '' ? [] : [parsePrefix(part)]));
  const prefixes = parsed.filter((prefix) => prefix !== undefined);
  return prefixes.length === parsed.length ? prefixes : undefined;
}

/** Parses text that must be a prefix, such as constants. Throws a RangeError otherwise. */
export function macPrefix(text: string): MacPrefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new RangeError(`${JSON.stringify(text)} is not a MAC prefix`);
  return prefix;
}

/** Returns the length of a prefix in bits. */
export function prefixBits(prefix: MacPrefix): number {
  return prefix.replaceAll(':', '').length * 4;
}

/** Returns the range of all addresses under a prefix. */
export function prefixRange(prefix: MacPrefix): MacRange {
  const digits = prefix.replaceAll(':', '');
  const first = parseAnyMac(digits.padEnd(12, '0'));
  const last = parseAnyMac(digits.padEnd(12, 'f'));
  if (first === undefined || last === undefined) throw new RangeError(`${prefix} is not a MAC prefix`);
  return { first, last };
}
