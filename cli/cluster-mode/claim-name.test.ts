import { expect, test } from 'vitest';
import { claimName } from './claim-name.ts';

const NAME = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

test.each([
  ['my-vm', /^my-vm-[0-9a-f]{10}$/],
  ['VM 7 (rack A)', /^vm-7-rack-a-[0-9a-f]{10}$/],
  ['--', /^mac-[0-9a-f]{10}$/],
  ['', /^mac-[0-9a-f]{10}$/],
  [undefined, /^mac-[0-9a-f]{10}$/],
  ['x'.repeat(300), /^x{40}-[0-9a-f]{10}$/],
])('the name of a claim for %j is valid and shows the device', (device, pattern) => {
  const name = claimName(device, undefined);
  expect(name).toMatch(pattern);
  expect(name).toMatch(NAME);
  expect(claimName(device, undefined)).not.toBe(name);
});

test('a request key always gives the same name, for any device', () => {
  expect(claimName('a', 'my-vm-eth0')).toBe(claimName('b', 'my-vm-eth0'));
  expect(claimName('a', 'my-vm-eth0')).not.toBe(claimName('a', 'my-vm-eth1'));
  expect(claimName('a', 'my-vm-eth0')).toMatch(NAME);
});
