import { userInfo } from 'node:os';
import { afterEach, expect, test, vi } from 'vitest';
import { userHome } from './user-home.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('HOME sets the home directory', () => {
  vi.stubEnv('HOME', '/somewhere');
  expect(userHome()).toBe('/somewhere');
});

test.each(['', 'here'])('a HOME of %j is ignored because it is relative to the current directory', (home) => {
  vi.stubEnv('HOME', home);
  expect(userHome()).toBe(userInfo().homedir);
});
