import { expect, test } from 'vitest';
import { longestGrace } from './longest-grace.ts';

const quick = { node: 'node-1', uid: 'first', terminationGracePeriodSeconds: 5 };
const slow = { node: 'node-2', uid: 'second', terminationGracePeriodSeconds: 300 };

test('a pod has as long to end as a slower one before it', () => {
  expect(longestGrace(quick, slow)).toEqual({ ...quick, terminationGracePeriodSeconds: 300 });
  expect(longestGrace(slow, quick)).toBe(slow);
  expect(longestGrace({ node: 'node-3' }, slow)).toEqual({ node: 'node-3', terminationGracePeriodSeconds: 300 });
});

test('a pod that nobody saw has thirty seconds, as Kubernetes gives it', () => {
  expect(longestGrace(quick, { node: 'node-3' }).terminationGracePeriodSeconds).toBe(30);
  expect(longestGrace(slow, undefined)).toBe(slow);
});
