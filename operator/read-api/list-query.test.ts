import { expect, test } from 'vitest';
import { writeContinue } from './continue-token.ts';
import { parseListQuestion } from './list-query.ts';

const parse = (query: string) =>
  parseListQuestion(new URLSearchParams(query), { fields: ['pool'], orders: ['name', 'newest'] });

test.each([
  ['', 500],
  ['limit=0', 500],
  ['limit=7', 7],
  ['limit=9999999', 5_000],
])('%j asks for a page of %d', (query, limit) => {
  expect(parse(query)).toEqual({ terms: [], limit, after: undefined, order: 'name' });
});

test('a continue token leads behind the name that it was made of', () => {
  expect(parse(`continue=${writeContinue('a4:58:0f:00:00:01')}`).after).toBe('a4:58:0f:00:00:01');
});

test.each([
  ['limit=-1', /limit must be a whole number/],
  ['limit=1.5', /limit must be a whole number/],
  ['continue=%00', /continue token/],
  ['labelSelector=a', /no labels here/],
  ['order=size', /order can be one of name, newest/],
  ['fieldSelector=colour%3Dred', /cannot be selected by/],
])('%j is refused', (query, message) => {
  expect(() => parse(query)).toThrow(message);
});
