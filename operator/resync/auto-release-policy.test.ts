import { expect, test } from 'vitest';
import { decideAutoRelease, type AutoReleaseInput } from './auto-release-policy.ts';

const usual: AutoReleaseInput = {
  count: 3,
  active: 1_000,
  sinceLastResyncMs: 300_000,
  wasHeld: false,
  approved: undefined,
};

test.each<[string, Partial<AutoReleaseInput>, string, boolean]>([
  ['a few are gone', {}, 'Usual', true],
  ['nothing is gone', { count: 0, wasHeld: true }, 'NothingToRelease', false],
  ['fifty are gone from a small pool', { count: 50, active: 60 }, 'Usual', true],
  ['fifty-one are gone from a small pool', { count: 51, active: 60 }, 'TooMany', false],
  ['one in twenty is gone from a large pool', { count: 100, active: 2_000 }, 'Usual', true],
  ['one more than one in twenty is gone from a large pool', { count: 101, active: 2_000 }, 'TooMany', false],
  ['a few are gone, after an hour without a resync', { sinceLastResyncMs: 3_600_001 }, 'ResyncsMissing', false],
  ['a few are gone that were held before', { wasHeld: true }, 'StillHeld', false],
  ['many are gone and exactly these were approved', { count: 500, wasHeld: true, approved: 500 }, 'Approved', true],
  ['more are gone than were approved', { count: 501, wasHeld: true, approved: 500 }, 'TooMany', false],
  ['fewer are gone than were approved, after a gap', { sinceLastResyncMs: 1e9, approved: 9 }, 'Approved', true],
])('when %s', (_, change, reason, release) => {
  expect(decideAutoRelease({ ...usual, ...change })).toMatchObject({ reason, release });
});

test('what is held says how many, and what to do', () => {
  expect(decideAutoRelease({ ...usual, count: 77, active: 80 }).message).toMatch(/^77 .*approve-release: "77"$/);
});
