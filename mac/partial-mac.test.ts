import { expect, test } from 'vitest';
import { mac, macToNumber } from './mac-address.ts';
import { hasPartialMac, parsePartialMac } from './partial-mac.ts';

const ADDRESS = macToNumber(mac('a4:58:0f:05:1f:02'));

test.each([
  ['a whole address', 'a4:58:0f:05:1f:02', true],
  ['its beginning', 'A4-58-0F', true],
  ['its end', '1f02', true],
  ['octets in the middle', '0f:05', true],
  ['digits from the middle of an octet', '51f', true],
  ['a cut octet before a colon', '5:1f', true],
  ['a cut octet after a colon', '05:1f:0', true],
  ['the notation of Cisco', '0f05.1f02', true],
  ['a part of the notation of Cisco', '05.1f', true],
  ['a separator at the end', '0f:05:', true],
  ['octets that are not side by side', '58:05', false],
  ['digits that do not stand at the beginning of an octet', '80:f0', false],
  ['groups of four that are not groups', '580f.051f', false],
  ['other digits', 'abc', false],
])('%s: %s is in a4:58:0f:05:1f:02: %s', (_, text, found) => {
  const partial = parsePartialMac(text);
  expect(partial).toBeDefined();
  expect(partial !== undefined && hasPartialMac(ADDRESS, partial)).toBe(found);
});

test.each(['', '1f', 'web-0', 'a4:58-0f', 'a4580f051f023', 'a4::58:0f', '1:2:3:4', '12345.6789'])(
  '%j is no part of an address',
  (text) => {
    expect(parsePartialMac(text)).toBeUndefined();
  },
);
