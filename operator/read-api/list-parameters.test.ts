import { expect, test } from 'vitest';
import { encodeContinueToken } from './continue-token.ts';
import { parseListParameters } from './list-parameters.ts';

const parse = (query: string) =>
  parseListParameters(new URLSearchParams(query), { fields: ['pool'], orders: ['name', 'newest'] });
const parseFollowed = (query: string) =>
  parseListParameters(new URLSearchParams(query), { fields: ['pool'], orders: ['name'], canWait: true });

test.each([
  ['', 500],
  ['limit=0', 500],
  ['limit=7', 7],
  ['limit=9999999', 5_000],
])('%j requests a page of %d', (query, limit) => {
  expect(parse(query)).toEqual({ terms: [], limit, after: undefined, order: 'name', waitSeconds: 0 });
});

test('a continue token contains the position of the next page', () => {
  expect(parse(`continue=${encodeContinueToken('a4:58:0f:00:00:01')}`).after).toBe('a4:58:0f:00:00:01');
});

test('only a list that can be followed lets a client wait, and not too long', () => {
  expect(parseFollowed('waitSeconds=5').waitSeconds).toBe(5);
  expect(parseFollowed('waitSeconds=3600').waitSeconds).toBe(20);
  expect(() => parseFollowed('waitSeconds=-1')).toThrow(/waitSeconds must be a whole number/);
  expect(() => parse('waitSeconds=5')).toThrow(/only where a list can be followed/);
});

test.each([
  ['limit=-1', /limit must be a whole number/],
  ['limit=1.5', /limit must be a whole number/],
  ['continue=%00', /continue token/],
  ['labelSelector=a', /no labels here/],
  ['order=size', /order can be one of name, newest/],
  ['fieldSelector=colour%3Dred', /cannot be used in a field selector/],
])('%j is refused', (query, message) => {
  expect(() => parse(query)).toThrow(message);
});
