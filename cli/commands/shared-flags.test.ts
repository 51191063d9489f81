import { expect, test } from 'vitest';
import { normalizeDryRun } from './shared-flags.ts';

test.each([
  ['--dry-run', ['--dry-run']],
  ['--dry-run=server', ['--dry-run']],
  ['--dry-run=client', ['--dry-run']],
  ['--dry-run=none', []],
  ['-p', ['-p']],
])('%s is normalized to %j', (typed, read) => {
  expect(normalizeDryRun(['allocate', typed])).toEqual(['allocate', ...read]);
});
