import { expect, test } from 'vitest';
import { createHeldForGuests } from './held-for-guests.ts';

async function keysOf(held: ReturnType<typeof createHeldForGuests>): Promise<string[]> {
  const seen: string[] = [];
  await held.recheck((key) => {
    seen.push(key);
    return Promise.resolve(false);
  });
  return seen;
}

test('a key is checked again until its guest has ended', async () => {
  const held = createHeldForGuests(10);
  for (const key of ['a', 'b', 'a']) held.add(key);
  expect(await keysOf(held)).toEqual(['a', 'b']);
  await held.recheck((key) => Promise.resolve(key === 'a'));
  expect(await keysOf(held)).toEqual(['b']);
});

test('a key whose check fails is kept, and so are those behind it', async () => {
  const held = createHeldForGuests(10);
  for (const key of ['a', 'b']) held.add(key);
  await expect(held.recheck(() => Promise.reject(new Error('the ledger is away')))).rejects.toThrow('away');
  expect(await keysOf(held)).toEqual(['a', 'b']);
});

test('no more keys than its capacity are kept', async () => {
  const held = createHeldForGuests(1);
  for (const key of ['a', 'b']) held.add(key);
  expect(await keysOf(held)).toEqual(['a']);
});
