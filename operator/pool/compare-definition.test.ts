import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { compareDefinition } from './compare-definition.ts';

const held = {
  name: 'lab',
  first: mac('a4:58:0f:10:00:00'),
  last: mac('a4:58:0f:10:00:ff'),
  description: 'in the ledger',
  autoReleaseSeconds: 86_400,
  reuseDelaySeconds: 3_600,
};

test.each([
  ['with another description', { description: '' }, 'same'],
  ['with a later end', { last: mac('a4:58:0f:10:01:ff') }, 'longer'],
  ['with an earlier end', { last: mac('a4:58:0f:10:00:7f') }, 'different'],
  ['with another begin', { first: mac('a4:58:0f:10:00:01') }, 'different'],
  ['with another auto-release', { autoReleaseSeconds: null }, 'different'],
  ['with another reuse delay', { reuseDelaySeconds: 60 }, 'different'],
  ['with a later end and another reuse delay', { last: mac('a4:58:0f:10:01:ff'), reuseDelaySeconds: 60 }, 'different'],
] as const)('a definition %s is %3$s', (_, change, relation) => {
  expect(compareDefinition({ ...held, ...change }, held)).toBe(relation);
});
