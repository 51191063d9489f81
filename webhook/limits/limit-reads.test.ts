import { expect, test } from 'vitest';
import { limitReads } from './limit-reads.ts';

const ofKey = (key: string) => Promise.resolve(`value of ${key}`);

test('reads over the limit are not made, and later ones are again', async () => {
  let now = 0;
  const get = limitReads(ofKey, { capacity: 2, perSecond: 1, now: () => now });
  expect([await get('a'), await get('b'), await get('c')]).toEqual(['value of a', 'value of b', 'limited']);
  now += 1_000;
  expect(await get('c')).toBe('value of c');
});

test('500 simultaneous reads of one key are one read', async () => {
  let reads = 0;
  const read = (key: string) => {
    reads++;
    return ofKey(key);
  };
  const get = limitReads(read, { capacity: 1, perSecond: 1, now: () => 0 });
  const values = await Promise.all(Array.from({ length: 500 }, () => get('new')));
  expect(new Set(values)).toEqual(new Set(['value of new']));
  expect(reads).toBe(1);
});

test('a failed read is not kept', async () => {
  let fails = true;
  const read = (key: string) => (fails ? Promise.reject(new Error('no connection')) : ofKey(key));
  const get = limitReads(read, { capacity: 2, perSecond: 1, now: () => 0 });
  await expect(get('a')).rejects.toThrow('no connection');
  fails = false;
  expect(await get('a')).toBe('value of a');
});
