import { expect, test } from 'vitest';
import { sharesParentAddress } from './shared-address.ts';

test.each([
  ['{"type":"ipvlan","master":"eth0"}', true],
  ['{"plugins":[{"type":"vlan"},{"type":"sbr"}]}', true],
  ['{"type":"bond"}', true],
  ['{"type":"macvlan","mode":"passthru"}', true],
  ['{"type":"macvlan","mode":"bridge"}', false],
  ['{"type":"bridge"}', false],
  ['{"plugins":[]}', false],
  ['{', false],
  [undefined, false],
])('interfaces of a network with the configuration %s share the address of a parent: %s', (config, expected) => {
  expect(sharesParentAddress(config)).toBe(expected);
});
