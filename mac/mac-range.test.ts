import { describe, expect, test } from 'vitest';
import { mac } from './mac-address.ts';
import { hasPrefix, parsePrefix, prefixRange, rangeContains } from './mac-range.ts';

describe('a range of addresses', () => {
  test('holds both its ends', () => {
    const range = { first: mac('a4:58:0f:05:00:00'), last: mac('a4:58:0f:05:ff:ff') };
    expect(rangeContains(range, range.first)).toBe(true);
    expect(rangeContains(range, range.last)).toBe(true);
    expect(rangeContains(range, mac('a4:58:0f:06:00:00'))).toBe(false);
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
    expect(hasPrefix(range.last, prefix)).toBe(true);
    expect(hasPrefix(mac('a4:58:10:00:00:00'), prefix)).toBe(false);
  });
});
