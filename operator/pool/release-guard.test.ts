import { expect, test } from 'vitest';
import { type AutoReleaseInput, decideAutoRelease } from './release-guard.ts';

const usual: AutoReleaseInput = {
  missing: 3,
  expired: 0,
  active: 1_000,
  sinceLastResyncMs: 300_000,
  wasHeld: false,
  approved: undefined,
};

test.each<[string, Partial<AutoReleaseInput>, string, boolean]>([
  ['a few are missing', {}, 'Usual', true],
  ['fifty claims have expired', { missing: 0, expired: 50 }, 'Usual', true],
  ['fifty-one claims have expired', { missing: 0, expired: 51 }, 'TooMany', false],
  ['missing addresses and expired claims are too many together', { missing: 26, expired: 25 }, 'TooMany', false],
  [
    'claims have expired after an hour without a resync',
    { missing: 0, expired: 3, sinceLastResyncMs: 1e9 },
    'Usual',
    true,
  ],
  ['nothing is missing', { missing: 0, wasHeld: true }, 'NothingToRelease', false],
  ['fifty are missing in a small pool', { missing: 50, active: 60 }, 'Usual', true],
  ['fifty-one are missing in a small pool', { missing: 51, active: 60 }, 'TooMany', false],
  ['one in twenty is missing in a large pool', { missing: 100, active: 2_000 }, 'Usual', true],
  ['one more than one in twenty is missing in a large pool', { missing: 101, active: 2_000 }, 'TooMany', false],
  ['a few are missing after an hour without a resync', { sinceLastResyncMs: 3_600_001 }, 'ResyncsMissing', false],
  ['a few are missing that were held before', { wasHeld: true }, 'StillHeld', false],
  [
    'many are missing and exactly that many were approved',
    { missing: 500, wasHeld: true, approved: 500 },
    'Approved',
    true,
  ],
  ['more are missing than were approved', { missing: 501, wasHeld: true, approved: 500 }, 'TooMany', false],
  ['fewer are missing than were approved, after a gap', { sinceLastResyncMs: 1e9, approved: 9 }, 'Approved', true],
])('decides when %s', (_, change, reason, release) => {
  expect(decideAutoRelease({ ...usual, ...change })).toMatchObject({ reason, release });
});

test('the message of a held release names the count and the next step', () => {
  expect(decideAutoRelease({ ...usual, missing: 77, active: 80 }).message).toMatch(/^77 .*approve-release: "77"$/);
});

test('the message counts missing addresses and expired claims apart', () => {
  expect(decideAutoRelease({ ...usual, missing: 30, expired: 40 }).message).toMatch(
    /^30 .*, 40 claims have expired, .*"70"$/,
  );
});
