import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { createReportedCollisions } from './reported-collisions.ts';

const MAC = mac('a4:58:0f:05:00:01');

test('each object is reported once, a few in each turn, and again after it stopped to share the address', () => {
  const reported = createReportedCollisions();
  expect(reported.replace(MAC, ['a', 'b', 'c'], 2)).toEqual({ fresh: new Set(['a', 'b']), left: 1 });
  expect(reported.replace(MAC, ['a', 'b', 'c'], 2)).toEqual({ fresh: new Set(['c']), left: 0 });
  expect(reported.replace(MAC, ['a', 'c'], 2)).toEqual({ fresh: new Set(), left: 0 });
  expect(reported.replace(MAC, ['a', 'b', 'c'], 2)).toEqual({ fresh: new Set(['b']), left: 0 });
});

test('an address counts as shared until nobody shares it', () => {
  const reported = createReportedCollisions();
  reported.replace(MAC, ['a', 'b'], 1);
  expect(reported.has(MAC)).toBe(true);
  reported.replace(MAC, [], 1);
  expect(reported.has(MAC)).toBe(false);
});
