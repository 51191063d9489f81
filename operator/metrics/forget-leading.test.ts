import { expect, test } from 'vitest';
import { mac } from '../../mac/mac-address.ts';
import { poolStatsOf } from '../../test/doubles/pool-stats.ts';
import { forgetLeading } from './forget-leading.ts';
import { createOperatorMetrics, type OperatorMetrics } from './operator-metrics.ts';

/** What stays true when a replica no longer leads: what it did, and how it is. */
const OF_THE_PROCESS = ['process_resident_memory_bytes', 'rockmac_last_resync_timestamp_seconds'];

async function gauges({ registry }: OperatorMetrics) {
  const all = await registry.getMetricsAsJSON();
  return all.filter(({ name, type }) => type === 'gauge' && !OF_THE_PROCESS.includes(name));
}

test('a replica that no longer leads shows what one shows that never led', async () => {
  const metrics = createOperatorMetrics();
  const never = await gauges(createOperatorMetrics());
  metrics.ledgerOpen(true);
  metrics.expiryHeld(true);
  metrics.identityShared(true);
  metrics.auditSealed(new Date(0));
  metrics.anchorsPresent(false);
  metrics.gatedPods(3, 700);
  metrics.notApplied(new Map([['Pod', 2]]));
  metrics.conflict(mac('a4:58:0f:00:00:01'), { scope: 'namespace', objects: 2 });
  metrics.pools([poolStatsOf('kubernetes')]);
  metrics.autoReleaseHeld(new Map([['kubernetes', 3]]));
  expect(await gauges(metrics)).not.toEqual(never);
  forgetLeading(metrics);
  expect(await gauges(metrics)).toEqual(never);
});
