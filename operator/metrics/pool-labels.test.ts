import { Registry } from '@prometheus-io/client';
import { expect, test } from 'vitest';
import { poolStatsOf } from '../../test/doubles/pool-stats.ts';
import { registerAddressMetrics } from './address-metrics.ts';
import { registerResyncMetrics } from './resync-metrics.ts';

const poolsIn = async (registry: Registry) =>
  new Set([...(await registry.metrics()).matchAll(/pool="(.*?)"/g)].map(([, pool]) => pool));

test('a pool that was removed is in no gauge any more', async () => {
  const registry = new Registry();
  const addresses = registerAddressMetrics(registry);
  const resyncs = registerResyncMetrics(registry);
  addresses.pools([poolStatsOf('kept'), poolStatsOf('removed')]);
  resyncs.autoReleaseHeld(new Map([['held-and-removed', 3]]));
  expect(await poolsIn(registry)).toEqual(new Set(['kept', 'removed', 'held-and-removed']));
  addresses.pools([poolStatsOf('kept')]);
  resyncs.autoReleaseHeld(new Map([['kept', 0]]));
  expect(await poolsIn(registry)).toEqual(new Set(['kept']));
});
