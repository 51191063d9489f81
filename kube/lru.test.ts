import { expect, test } from 'vitest';
import { createLru } from './lru.ts';

test('a full cache evicts the entry that was not used for the longest time', () => {
  const cache = createLru<string, number>(2);
  cache.set('a', 1);
  cache.set('b', 2);
  expect(cache.get('a')).toBe(1);
  cache.set('c', 3);
  expect(cache.get('b')).toBeUndefined();
  expect(cache.get('a')).toBe(1);
  expect(cache.get('c')).toBe(3);
});

test('a new value for a known key evicts nothing', () => {
  const cache = createLru<string, number>(2);
  cache.set('a', 1);
  cache.set('b', 2);
  cache.set('a', 3);
  expect(cache.get('a')).toBe(3);
  expect(cache.get('b')).toBe(2);
});

test('the values are listed from the least to the most recently used one', () => {
  const cache = createLru<string, number>(3);
  cache.set('a', 1);
  cache.set('b', 2);
  cache.set('c', 3);
  cache.get('a');
  expect([...cache.values()]).toEqual([2, 3, 1]);
});
