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
  ['a few are missing', {}, 'Usual', true],
  ['nothing is missing', { count: 0, wasHeld: true }, 'NothingToRelease', false],
  ['fifty are missing in a small pool', { count: 50, active: 60 }, 'Usual', true],
  ['fifty-one are missing in a small pool', { count: 51, active: 60 }, 'TooMany', false],
  ['one in twenty is missing in a large pool', { count: 100, active: 2_000 }, 'Usual', true],
  ['one more than one in twenty is missing in a large pool', { count: 101, active: 2_000 }, 'TooMany', false],
  ['a few are missing after an hour without a resync', { sinceLastResyncMs: 3_600_001 }, 'ResyncsMissing', false],
  ['a few are missing that were held before', { wasHeld: true }, 'StillHeld', false],
  [
    'many are missing and exactly that many were approved',
    { count: 500, wasHeld: true, approved: 500 },
    'Approved',
    true,
  ],
  ['more are missing than were approved', { count: 501, wasHeld: true, approved: 500 }, 'TooMany', false],
  ['fewer are missing than were approved, after a gap', { sinceLastResyncMs: 1e9, approved: 9 }, 'Approved', true],
])('decides when %s', (_, change, reason, release) => {
  expect(decideAutoRelease({ ...usual, ...change })).toMatchObject({ reason, release });
});

test('the message of a held release names the count and the next step', () => {
  expect(decideAutoRelease({ ...usual, count: 77, active: 80 }).message).toMatch(/^77 .*approve-release: "77"$/);
});
