import { Registry } from '@prometheus-io/client';
import { expect, test } from 'vitest';
import type { PoolStats } from '../../ledger/pool/pool-stats.ts';
import { mac } from '../../mac/mac-address.ts';
import { registerAddressMetrics } from './address-metrics.ts';
import { registerResyncMetrics } from './resync-metrics.ts';

function statsOf(pool: string): PoolStats {
  const ends = { first: mac('a4:58:0f:00:00:01'), last: mac('a4:58:0f:00:00:10') };
  const states = { active: 1, pending: 0, stocked: 0, reserved: 0, released: 0, orphaned: 0, observed: 0, free: 15 };
  const totals = { capacity: 16, utilisation: 6.25, totalAllocated: 1, totalReleased: 0, waiting: 0 };
  return { pool, description: '', paused: false, ...ends, ...states, ...totals };
}

const poolsIn = async (registry: Registry) =>
  new Set([...(await registry.metrics()).matchAll(/pool="(.*?)"/g)].map(([, pool]) => pool));

test('a pool that was removed is in no gauge any more', async () => {
  const registry = new Registry();
  const addresses = registerAddressMetrics(registry);
  const resyncs = registerResyncMetrics(registry);
  addresses.pools([statsOf('kept'), statsOf('removed')]);
  resyncs.autoReleaseHeld(new Map([['held-and-removed', 3]]));
  expect(await poolsIn(registry)).toEqual(new Set(['kept', 'removed', 'held-and-removed']));
  addresses.pools([statsOf('kept')]);
  resyncs.autoReleaseHeld(new Map([['kept', 0]]));
  expect(await poolsIn(registry)).toEqual(new Set(['kept']));
});
