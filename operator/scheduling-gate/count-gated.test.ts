import { expect, test } from 'vitest';
import type { CachedWorkloads } from '../controller/operator-sources.ts';
import type { Workload } from '../live/workload.ts';
import { countGated } from './count-gated.ts';

const NOW = new Date('2026-11-30T09:01:00Z');

function cached(...pods: readonly Pick<Workload, 'metadata' | 'gate'>[]): ReadonlyMap<string, CachedWorkloads> {
  const list = () => pods.map((pod): Workload => ({ nics: [], uses: [], ...pod }));
  return new Map([['Pod', { cache: { list } } as unknown as CachedWorkloads]]);
}

const created = (seconds: number) => ({
  name: 'p',
  uid: 'u',
  resourceVersion: '1',
  creationTimestamp: new Date(NOW.getTime() - seconds * 1_000).toISOString(),
});
const gate = { index: 0, hasToken: true, reason: undefined };

test('counts the pods with our gate, and the age of the oldest', () => {
  const workloads = cached(
    { metadata: created(900) },
    { metadata: created(10), gate },
    { metadata: created(50), gate },
  );
  expect(countGated({ workloads }, NOW)).toEqual({ count: 2, oldestSeconds: 50 });
});

test('without such a pod, both are zero, also if a clock is behind', () => {
  expect(countGated({ workloads: cached({ metadata: created(900) }) }, NOW)).toEqual({ count: 0, oldestSeconds: 0 });
  expect(countGated({ workloads: cached({ metadata: created(-5), gate }) }, NOW)).toEqual({
    count: 1,
    oldestSeconds: 0,
  });
});
