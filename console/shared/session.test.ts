import { expect, test } from 'vitest';
import { tokenOf } from './session.ts';

test.each([
  ['#token=abc-DEF_1', 'abc-DEF_1'],
  ['#/audit?target=token=x', undefined],
  ['#/token=x', undefined],
  ['#token=', undefined],
  ['', undefined],
])('%s has the token %s', (hash, token) => {
  expect(tokenOf(hash)).toBe(token);
});
