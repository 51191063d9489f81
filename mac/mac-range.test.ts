import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mac, numberToMac } from './mac-address.ts';
import { hasPrefix, parsePrefix, prefixRange, rangeContains, rangesOverlap, rangeSize } from './mac-range.ts';

const anyRange = fc
  .tuple(fc.integer({ min: 0, max: 200 }), fc.integer({ min: 0, max: 50 }))
  .map(([start, extra]) => ({ first: numberToMac(start), last: numberToMac(start + extra) }));

describe('a range of addresses', () => {
  test('holds both its ends', () => {
    const range = { first: mac('a4:58:0f:05:00:00'), last: mac('a4:58:0f:05:ff:ff') };
    expect(rangeSize(range)).toBe(65_536);
    expect(rangeContains(range, range.first)).toBe(true);
    expect(rangeContains(range, range.last)).toBe(true);
    expect(rangeContains(range, mac('a4:58:0f:06:00:00'))).toBe(false);
  });

  test('overlaps another exactly when they share an address', () => {
    fc.assert(
      fc.property(anyRange, anyRange, (a, b) => {
        const shared = Array.from({ length: 260 }, (_, addr) => numberToMac(addr)).some(
          (address) => rangeContains(a, address) && rangeContains(b, address),
        );
        expect(rangesOverlap(a, b)).toBe(shared);
      }),
    );
  });
});

describe('a prefix', () => {
  test('is one to five octets in either notation', () => {
    expect(parsePrefix('A4-58-0F')).toBe('a4:58:0f');
    expect(parsePrefix('a4')).toBe('a4');
    expect(parsePrefix('')).toBeUndefined();
    expect(parsePrefix('a4:58:0f:00:00:00')).toBeUndefined();
    expect(parsePrefix('a4:58:0')).toBeUndefined();
  });

  test('spans all addresses that begin with it', () => {
    const prefix = parsePrefix('a4:58:0f');
    if (prefix === undefined) throw new Error('a4:58:0f is a prefix');
    const range = prefixRange(prefix);
    expect(range).toEqual({ first: 'a4:58:0f:00:00:00', last: 'a4:58:0f:ff:ff:ff' });
    expect(rangeSize(range)).toBe(2 ** 24);
    expect(hasPrefix(range.last, prefix)).toBe(true);
    expect(hasPrefix(mac('a4:58:10:00:00:00'), prefix)).toBe(false);
  });
});
