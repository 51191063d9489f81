import { expect, test } from 'vitest';
import { nextKeys, ROTATE_AFTER_MS } from './rotate-keys.ts';

const rotatedAt = new Date('2026-11-01T00:00:00Z');
const [current, previous, fresh] = ['a', 'b', 'c'].map((letter) => Buffer.from(letter.repeat(32))) as [
  Buffer,
  Buffer,
  Buffer,
];
const newKey = () => fresh;
const after = (ms: number) => new Date(rotatedAt.getTime() + ms);

test('the first replica makes a key', () => {
  expect(nextKeys(undefined, rotatedAt, newKey)).toEqual({ current: fresh, rotatedAt });
});

test('a key that somebody emptied is replaced, and signs nothing any more', () => {
  expect(nextKeys({ current: Buffer.alloc(0), rotatedAt }, rotatedAt, newKey)).toEqual({ current: fresh, rotatedAt });
});

test('a key is used for thirty days', () => {
  const stored = { current, previous, rotatedAt };
  expect(nextKeys(stored, after(ROTATE_AFTER_MS - 1), newKey)).toBe(stored);
});

test('an old key becomes the previous one, and the one before is forgotten', () => {
  const now = after(ROTATE_AFTER_MS);
  expect(nextKeys({ current, previous, rotatedAt }, now, newKey)).toEqual({
    current: fresh,
    previous: current,
    rotatedAt: now,
  });
});
