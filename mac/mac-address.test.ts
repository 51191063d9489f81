import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mac, macToNumber, numberToMac, parseAnyMac, parseMac } from './mac-address.ts';

const anyAddress = fc.integer({ min: 0, max: 0xffff_ffff_ffff });

describe('reading a MAC address', () => {
  test.each([
    ['colons', 'a4:58:0f:05:00:2a'],
    ['dashes', 'A4-58-0F-05-00-2A'],
    ['dotted', 'a458.0f05.002A'],
    ['bare digits', 'A4580F05002a'],
    ['white space around it', ' a4:58:0f:05:00:2a\n'],
  ])('takes %s', (_, text) => {
    expect(parseMac(text)).toEqual({ ok: true, mac: 'a4:58:0f:05:00:2a' });
  });

  test.each([
    ['', 'malformed'],
    ['a4:58:0f:05:00', 'malformed'],
    ['a4:58:0f:05:00:2a:00', 'malformed'],
    ['a4:58-0f:05:00:2a', 'malformed'],
    ['a4:58:0f:05:00:2g', 'malformed'],
    ['a4:58:0f:5:0:2a', 'malformed'],
    ['a4:58:0f:05:00:2a\u0000', 'malformed'],
    ['０４:58:0f:05:00:2a', 'malformed'],
    ['01:00:5e:00:00:01', 'multicast'],
    ['ff:ff:ff:ff:ff:ff', 'broadcast'],
    ['00:00:00:00:00:00', 'zero'],
  ])('refuses %j as %s', (text, why) => {
    expect(parseMac(text)).toEqual({ ok: false, why });
  });

  test('every address survives number, text and every notation', () => {
    fc.assert(
      fc.property(anyAddress, (addr) => {
        const text = numberToMac(addr);
        const digits = text.replaceAll(':', '');
        const dotted = `${digits.slice(0, 4)}.${digits.slice(4, 8)}.${digits.slice(8)}`;
        for (const notation of [text, text.toUpperCase(), text.replaceAll(':', '-'), digits, dotted]) {
          const read = parseAnyMac(notation);
          expect(read).toBe(text);
        }
        expect(macToNumber(text)).toBe(addr);
      }),
    );
  });

  test('text and number have the same sort order', () => {
    fc.assert(
      fc.property(anyAddress, anyAddress, (a, b) => {
        expect(numberToMac(a) < numberToMac(b)).toBe(a < b);
      }),
    );
  });

  test('it never throws, whatever the text', () => {
    const unit = fc.nat(0x10_ffff).map((point) => String.fromCodePoint(point)); // halves of surrogate pairs too
    fc.assert(fc.property(fc.string({ unit }), (text) => typeof parseMac(text).ok === 'boolean'));
  });

  test('mac() throws where parseMac would refuse, and numberToMac outside 48 bits', () => {
    expect(() => mac('ff:ff:ff:ff:ff:ff')).toThrow(/broadcast/);
    expect(() => numberToMac(2 ** 48)).toThrow(RangeError);
    expect(() => numberToMac(-1)).toThrow(RangeError);
    expect(() => numberToMac(0.5)).toThrow(RangeError);
  });
});
