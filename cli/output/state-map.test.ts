import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { mapLines } from './state-map.ts';

const first = mac('a4:58:0f:05:00:00');

test('a map has rows of 64 addresses, and a legend of the states in it', () => {
  const states = new Uint8Array(192);
  states.set([4, 3, 2], 0);
  states.set([5, 99], 128);
  expect(mapLines(first, states)).toEqual([
    `a4:58:0f:05:00:00  Apw${'.'.repeat(61)}`,
    `a4:58:0f:05:00:80  R?${'.'.repeat(62)}`,
    '',
    '. never used, w waiting for reuse, p pending, A active, R reserved',
  ]);
});

test('a map without a used address says so', () => {
  expect(mapLines(first, new Uint8Array(100))).toEqual(['None of these addresses was ever used']);
});
