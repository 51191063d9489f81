import { Registry } from '@prometheus-io/client';
import { expect, test } from 'vitest';
import { numberToMac } from '../../mac/mac-address.ts';
import { registerConflictMetrics } from './conflict-metrics.ts';

async function samples(registry: Registry) {
  const text = await registry.metrics();
  return text.split('\n').filter((line) => line.startsWith('rockmac_conflicts{'));
}

test('each shared address has a series until it is no longer shared', async () => {
  const registry = new Registry();
  const metrics = registerConflictMetrics(registry);
  const address = numberToMac(2 ** 41 + 1);
  metrics.conflict(address, { scope: 'namespace', objects: 2 });
  expect(await samples(registry)).toEqual([`rockmac_conflicts{mac="${address}",scope="namespace"} 2`]);
  metrics.conflict(address, { scope: 'ledger', objects: 3 });
  expect(await samples(registry)).toEqual([`rockmac_conflicts{mac="${address}",scope="ledger"} 3`]);
  metrics.conflict(address, undefined);
  expect(await samples(registry)).toEqual([]);
});

test('there are at most 100 series of addresses, and one for each scope of the others', async () => {
  const registry = new Registry();
  const metrics = registerConflictMetrics(registry);
  for (let index = 0; index < 10_000; index++) {
    metrics.conflict(numberToMac(2 ** 41 + index), { scope: index % 2 === 0 ? 'cluster' : 'object', objects: 2 });
  }
  const all = await samples(registry);
  expect(all).toHaveLength(102);
  expect(all).toContain('rockmac_conflicts{mac="others",scope="cluster"} 9900');
  metrics.conflictsForgotten();
  expect(await samples(registry)).toEqual([]);
});
