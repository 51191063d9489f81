import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { neighbourRange, statesOfMap } from './neighbours.ts';

const pools = [{ first: mac('a4:58:0f:01:00:00'), last: mac('a4:58:0f:01:ff:ff') }];

test.each([
  ['in the middle', 'a4:58:0f:01:01:00', { first: 'a4:58:0f:01:00:f8', count: 17 }],
  ['at the beginning', 'a4:58:0f:01:00:02', { first: 'a4:58:0f:01:00:00', count: 11 }],
  ['at the end', 'a4:58:0f:01:ff:ff', { first: 'a4:58:0f:01:ff:f7', count: 9 }],
  ['outside', 'a4:58:0f:02:00:00', undefined],
])('an address %s of its pool has these neighbours', (_, address, range) => {
  expect(neighbourRange(mac(address), pools)).toEqual(range);
});

test('the bytes of a map are states', () => {
  expect(statesOfMap(mac('a4:58:0f:01:00:ff'), Uint8Array.of(0, 4, 77))).toEqual([
    { mac: 'a4:58:0f:01:00:ff', state: 'neverUsed' },
    { mac: 'a4:58:0f:01:01:00', state: 'active' },
    { mac: 'a4:58:0f:01:01:01', state: 'orphaned' },
  ]);
});
