import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import type { Address } from '../backend.ts';
import { addressDetails } from './address-details.ts';

const NOW = new Date('2026-05-01T12:00:00Z');
const STICKY: Address = {
  mac: mac('a4:58:0f:05:00:00'),
  pool: 'kubernetes',
  state: 'active',
  metadata: {},
  sticky: true,
  owner: { clusterId: 'c1', kind: 'Pod', namespace: 'shop', name: 'web-0', nic: 'eth0' },
};

const lines = (changes: Partial<Address>) => addressDetails({ ...STICKY, ...changes }, [], NOW);

test('a sticky address names whose it stays and how it ends', () => {
  expect(lines({})).toContain('Sticky:       stays with Pod shop/web-0');
  expect(lines({})).toContain(
    'Next:         stays with its name: deleting its sticky MacAllocation releases it, or leaves it to the object that uses it',
  );
  expect(lines({ sticky: undefined }).join('\n')).not.toContain('Sticky');
});

test('an unused sticky address says since when, and is not missing', () => {
  const text = lines({ missingSince: NOW }).join('\n');
  expect(text).toMatch(/^Sticky: {7}stays with Pod shop\/web-0; unused since 2026-05-01/m);
  expect(text).not.toContain('Missing Since');
  expect(lines({ sticky: undefined, missingSince: NOW }).join('\n')).toContain('Missing Since');
});

test('an address that waits for a node names the node', () => {
  expect(lines({ unreachableNode: 'worker-1' })).toContain(
    'Unreachable:  node worker-1 does not respond, and its last pod may still run there',
  );
});
