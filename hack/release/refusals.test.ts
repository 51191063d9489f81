import { expect, test } from 'vitest';
import { type Checkout, isRelease, refusals, releaseRefusals } from './refusals.ts';

const READY: Checkout = {
  version: '0.2.0',
  packageVersion: '0.2.0',
  chartVersions: ['0.2.0', '0.2.0'],
  changedFiles: [],
  commit: 'a'.repeat(40),
  tagged: 'a'.repeat(40),
  inChangelog: true,
};
const UNTAGGED: Checkout = { ...READY, tagged: undefined };

test('a clean checkout of the tag with everything in place is released', () => {
  expect(refusals(READY)).toEqual([]);
  expect(isRelease(READY)).toBe(true);
});

test.each<[string, Partial<Checkout>, RegExp]>([
  ['a text that is no version', { version: 'v0.2.0' }, /"v0\.2\.0" is no version/],
  ['no version', { version: '' }, /is no version.*VERSION=0\.2\.0/],
  ['changed files', { changedFiles: ['README.md'] }, /differs from its commit.*README\.md/],
  ['another version in package.json', { packageVersion: '0.1.0' }, /package\.json has the version 0\.1\.0/],
  [
    'another version in the chart',
    { chartVersions: ['0.2.0', '0.1.0'] },
    /Chart\.yaml has the versions 0\.2\.0 and 0\.1/,
  ],
  ['a tag at another commit', { tagged: 'b'.repeat(40) }, /v0\.2\.0 exists at bbbbbbbbbbbb/],
])('%s is refused, in a rehearsal too', (_, change, message) => {
  expect(refusals({ ...READY, ...change })).toEqual([expect.stringMatching(message)]);
  if (!('tagged' in change)) expect(refusals({ ...UNTAGGED, ...change })).toEqual([expect.stringMatching(message)]);
});

test('a release without a heading in the changelog is refused, and a rehearsal only says so', () => {
  const missing = expect.stringContaining('no heading "## 0.2.0"') as string;
  expect(refusals({ ...READY, inChangelog: false })).toEqual([missing]);
  expect(isRelease(UNTAGGED)).toBe(false);
  expect(refusals({ ...UNTAGGED, inChangelog: false })).toEqual([]);
  expect(releaseRefusals({ ...UNTAGGED, inChangelog: false })).toEqual([missing]);
});
