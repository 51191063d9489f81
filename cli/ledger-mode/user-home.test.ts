import { userInfo } from 'node:os';
import { afterEach, expect, test, vi } from 'vitest';
import { userHome } from './user-home.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('the home is what HOME says', () => {
  vi.stubEnv('HOME', '/somewhere');
  expect(userHome()).toBe('/somewhere');
});

test.each(['', 'here'])('a HOME of %j, which would be a part of the present folder, does not count', (home) => {
  vi.stubEnv('HOME', home);
  expect(userHome()).toBe(userInfo().homedir);
});
