import { expect, test } from 'vitest';
import { normalizeDryRun } from './shared-flags.ts';

test.each([
  ['--dry-run', ['--dry-run']],
  ['--dry-run=server', ['--dry-run']],
  ['--dry-run=client', ['--dry-run']],
  ['--dry-run=none', []],
  ['-p', ['-p']],
  // Every object of JavaScript has these members, and people name their machines as they like.
  ['constructor', ['constructor']],
  ['__proto__', ['__proto__']],
])('%s is normalized to %j', (typed, read) => {
  expect(normalizeDryRun(['allocate', typed])).toEqual(['allocate', ...read]);
});
