import { expect, test } from 'vitest';
import { stickyStatus } from './status.ts';

const now = new Date('2026-01-02T03:04:05Z');

test('a sticky claim has no status while every node of its pods was ready', () => {
  expect(stickyStatus({}, 'web-0', undefined, now)).toEqual({});
});

test('a sticky claim says where its pod may still run and what ends that, and when that is over', () => {
  const consumer = { node: 'node-7', uid: 'u-1', terminationGracePeriodSeconds: 30 };
  const marked = stickyStatus({}, 'web-0', consumer, now);
  expect(marked.unreachableConsumer).toEqual(consumer);
  expect(marked.conditions).toMatchObject([{ type: 'ConsumerUnreachable', status: 'True', reason: 'MayStillRun' }]);
  expect(marked.conditions?.[0]?.message).toMatch(/^web-0 may still run on Node node-7.*consumer-ended=node-7$/);
  const cleared = stickyStatus({ status: marked }, 'web-0', undefined, now);
  expect(cleared.unreachableConsumer).toBeUndefined();
  expect(cleared.conditions).toMatchObject([{ type: 'ConsumerUnreachable', status: 'False', reason: 'Reachable' }]);
  expect(stickyStatus({ status: cleared }, 'web-0', undefined, now)).toEqual(cleared);
});
