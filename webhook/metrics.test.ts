import { expect, test } from 'vitest';
import { createWebhookMetrics } from './metrics.ts';
import type { StockLevel } from './stock/stock.ts';

test('a pool that is not used any more is in no gauge of the stock', async () => {
  const metrics = createWebhookMetrics();
  let levels: StockLevel[] = [{ pool: 'kubernetes', ready: 64, coversMs: 1_000 }];
  metrics.measureStock(() => levels);
  expect(await metrics.registry.metrics()).toContain('rockmac_stock_addresses{pool="kubernetes"} 64');
  levels = [];
  expect(await metrics.registry.metrics()).not.toContain('kubernetes');
});

test('an entry has its counter of refusals before the first one, so that an alert sees the first one too', async () => {
  const metrics = createWebhookMetrics();
  metrics.accepting('/inject-pods');
  const counter = 'rockmac_admission_reviews_total{entry="/inject-pods",allowed="false",reason="ServiceUnavailable"}';
  expect(await metrics.registry.metrics()).toContain(`${counter} 0`);
});
