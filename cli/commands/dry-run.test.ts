import { expect, test } from 'vitest';
import { plainDryRun } from './dry-run.ts';

test.each([
  ['--dry-run', ['--dry-run']],
  ['--dry-run=server', ['--dry-run']],
  ['--dry-run=client', ['--dry-run']],
  ['--dry-run=none', []],
  ['-p', ['-p']],
])('%s is read as %j', (typed, read) => {
  expect(plainDryRun(['allocate', typed])).toEqual(['allocate', ...read]);
});
