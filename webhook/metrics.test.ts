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
