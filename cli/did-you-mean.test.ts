import { expect, test } from 'vitest';
import { didYouMean } from './did-you-mean.ts';

const POOLS = ['production', 'development', 'experiment', 'vultr', 'docker', 'kubernetes', 'reserved'];

test.each([
  ['developement', ' Did you mean development?'],
  ['Docker', ' Did you mean docker?'],
  ['vutlr', ' Did you mean vultr?'],
  ['kubernets', ' Did you mean kubernetes?'],
  ['staging', ''],
  ['', ''],
])('%j suggests %j', (typed, wanted) => {
  expect(didYouMean(typed, POOLS)).toBe(wanted);
});
