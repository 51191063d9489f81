import { expect, test } from 'vitest';
import type { MacPool } from '../../kube/client/mac-resources.ts';
import { toCounts } from './read-pools.ts';

const pool: MacPool = {
  metadata: { name: 'kubernetes', uid: 'u', resourceVersion: '1' },
  spec: { first: 'a4:58:0f:00:00:00', last: 'a4:58:0f:00:ff:ff', paused: false },
};

test('a pool of which almost nothing is held has a number for its utilisation', () => {
  const status = { capacity: 65_536, active: 2, free: 65_534, utilisation: '<0.01%' };
  expect(toCounts({ ...pool, status })).toMatchObject({ pool: 'kubernetes', active: 2, utilisation: 0 });
});

test('the utilisation has two decimals', () => {
  expect(toCounts({ ...pool, status: { capacity: 3, free: 2 } })).toMatchObject({ utilisation: 33.33 });
});

test('a pool has the strategy of the ledger, whatever its MacPool says', () => {
  const spec = { ...pool.spec, strategy: 'sequential' as const };
  expect(toCounts({ ...pool, spec, status: { strategy: 'random' } })).toMatchObject({ strategy: 'random' });
  expect(toCounts({ ...pool, status: { strategy: 'random' } })).toMatchObject({ strategy: 'random' });
  expect(toCounts({ ...pool, spec: { ...pool.spec, strategy: 'random' } })).toMatchObject({ strategy: 'random' });
  expect(toCounts(pool)).toMatchObject({ strategy: 'sequential' });
});

test('a pool whose counts the operator has not published has no utilisation', () => {
  expect(toCounts(pool)).toMatchObject({ pool: 'kubernetes', utilisation: undefined });
});
