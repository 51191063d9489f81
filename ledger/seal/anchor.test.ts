import { expect, test } from 'vitest';
import { type Anchor, evaluateAnchor, withAnchor } from './anchor.ts';

const hash = 'a'.repeat(64);
const other = 'b'.repeat(64);
const anchor: Anchor = { epoch: 1, seq: 1_000, hash, reached: 5_000 };
const fork = { seq: 951, reached: 4_900, covered: 1_024, at: '2026-01-02T03:04:05Z' };

test('an anchor is present if the seal of its number has its hash, whatever happened later', () => {
  expect(evaluateAnchor(anchor, { hash, fork: null }).outcome).toBe('present');
  expect(evaluateAnchor(anchor, { hash, fork: { ...fork, seq: 1_200 } }).outcome).toBe('present');
});

test.each([
  ['no such seal', null],
  ['another hash', other],
])('an anchor is missing with %s and without a recovery before it', (_, found) => {
  expect(evaluateAnchor(anchor, { hash: found, fork: null }).outcome).toBe('missing');
  expect(evaluateAnchor(anchor, { hash: found, fork: { ...fork, seq: 1_001 } }).outcome).toBe('missing');
});

test('an anchor after the fork of its epoch was lost, with the number of seals and rows', () => {
  expect(evaluateAnchor(anchor, { hash: other, fork })).toEqual({
    anchor,
    outcome: 'lost',
    message:
      'The recovery of 2026-01-02T03:04:05Z lost 50 seal(s) with up to 100 audit row(s), the last of them seal 1000.',
  });
});

test('a failover does not explain more lost rows than it covers, unless an admin decided', () => {
  expect(evaluateAnchor(anchor, { hash: null, fork: { ...fork, covered: 99 } }).outcome).toBe('missing');
  expect(evaluateAnchor(anchor, { hash: null, fork: { ...fork, covered: 100 } }).outcome).toBe('lost');
  expect(evaluateAnchor(anchor, { hash: null, fork: { ...fork, reached: 1, covered: null } }).outcome).toBe('lost');
});

test('the last anchor of each epoch is kept, and at most 16', () => {
  expect(withAnchor([anchor], { ...anchor, seq: 1_001 })).toEqual([{ ...anchor, seq: 1_001 }]);
  const epochs = Array.from({ length: 20 }, (_, index) => ({ ...anchor, epoch: index + 1 }));
  const kept = epochs.reduce<Anchor[]>(withAnchor, []);
  expect(kept.map(({ epoch }) => epoch)).toEqual(epochs.slice(4).map(({ epoch }) => epoch));
});
