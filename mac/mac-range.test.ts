import { describe, expect, test } from 'vitest';
import { mac } from './mac-address.ts';
import { macPrefix, parsePrefix, parsePrefixList, prefixRange, rangeContains, underAny } from './mac-range.ts';

describe('a range of addresses', () => {
  test('holds both its ends', () => {
    const range = { first: mac('a4:58:0f:05:00:00'), last: mac('a4:58:0f:05:ff:ff') };
    expect(rangeContains(range, range.first)).toBe(true);
    expect(rangeContains(range, range.last)).toBe(true);
    expect(rangeContains(range, mac('a4:58:0f:06:00:00'))).toBe(false);
  });
});

describe('a prefix', () => {
  test.each([
    ['a4:58:0f', 'a4:58:0f'],
    [' A4-58-0F ', 'a4:58:0f'],
    ['02', '02'],
    ['8C:1F:64:12:3', '8c:1f:64:12:3'],
    ['8c-1f-6', '8c:1f:6'],
    ['8c1f64123', '8c:1f:64:12:3'],
    ['02:00:00:00:01', '02:00:00:00:01'],
  ])('%j is read as %s', (text, expected) => {
    expect(parsePrefix(text)).toBe(expected);
  });

  test.each(['', 'a', 'a4:', 'a4:5:0f', 'a4:58-0f', 'a4:58:0f:00:00:0', 'a4580f00000', 'a4:58:0g', 'a458:0f'])(
    '%j is not a prefix',
    (text) => {
      expect(parsePrefix(text)).toBeUndefined();
    },
  );

  test.each([
    ['a4:58:0f', 'a4:58:0f:00:00:00', 'a4:58:0f:ff:ff:ff'],
    ['02', '02:00:00:00:00:00', '02:ff:ff:ff:ff:ff'],
    ['8c:1f:64:12:3', '8c:1f:64:12:30:00', '8c:1f:64:12:3f:ff'],
  ])('%s spans %s to %s', (prefix, first, last) => {
    expect(prefixRange(macPrefix(prefix))).toEqual({ first, last });
  });

  test('is a constant only if it is valid', () => {
    expect(() => macPrefix('a4:58:0')).not.toThrow();
    expect(() => macPrefix('a4:5g')).toThrow(RangeError);
  });
});

describe('prefixes', () => {
  const prefixes = [macPrefix('a4:58:0f'), macPrefix('8c:1f:64:12:3')];

  test.each([
    ['a4:58:0f:ff:ff:ff', true],
    ['a4:58:10:00:00:00', false],
    ['8c:1f:64:12:3f:ff', true],
    ['8c:1f:64:12:40:00', false],
  ])('hold %s: %s', (address, expected) => {
    expect(underAny(mac(address), prefixes)).toBe(expected);
  });

  test.each([
    ['a4:58:0f 8c:1f:64:12:3', prefixes],
    ['A4-58-0F, 8c1f64123', prefixes],
    ['', []],
    ['a4:58:0f zz', undefined],
  ])('are read from the list %j', (text, expected) => {
    expect(parsePrefixList(text)).toEqual(expected);
  });

  test('that are none hold nothing', () => {
    expect(underAny(mac('a4:58:0f:00:00:01'), [])).toBe(false);
  });
});
