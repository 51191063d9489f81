import { expect, test } from 'vitest';
import { parseTarget, requireMac } from './target.ts';

test('an argument with a colon is an address, returned in lower case', () => {
  expect(parseTarget('A4:58:0F:01:00:00')).toEqual({
    kind: 'mac',
    text: 'A4:58:0F:01:00:00',
    mac: 'a4:58:0f:01:00:00',
  });
});

test('any other argument is a device, with the address if it also parses as one', () => {
  expect(parseTarget('vm-1')).toEqual({ kind: 'device', text: 'vm-1', mac: undefined });
  expect(parseTarget('a4-58-0f-01-00-00')).toMatchObject({ kind: 'device', mac: 'a4:58:0f:01:00:00' });
  expect(parseTarget('a4580f010000')).toMatchObject({ kind: 'device', mac: 'a4:58:0f:01:00:00' });
});

test.each([
  ['a4:58:0f', /malformed/],
  ['01:00:5e:00:00:01', /multicast/],
  ['ff:ff:ff:ff:ff:ff', /broadcast/],
  [' ', /empty/],
])('%j is refused with the reason', (text, reason) => {
  expect(() => parseTarget(text)).toThrow(reason);
});

test('an address is accepted in any notation', () => {
  expect(requireMac('A458.0F01.0000')).toBe('a4:58:0f:01:00:00');
  expect(() => requireMac('vm-1')).toThrow(/malformed/);
});
