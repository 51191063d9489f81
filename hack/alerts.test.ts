import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { createOperatorMetrics } from '../operator/metrics/operator-metrics.ts';
import { createWebhookMetrics } from '../webhook/metrics.ts';

const repository = path.join(import.meta.dirname, '..');
const { alerts } = z
  .object({ alerts: z.array(z.object({ alert: z.string(), expr: z.string() })) })
  .parse(parse(readFileSync(path.join(repository, 'charts/rock-mac/files/alerts.yaml'), 'utf8')));
const page = readFileSync(path.join(repository, 'docs/alerts.md'), 'utf8');

test('every alert has its section in docs/alerts.md, and every section its alert', () => {
  const sections = [...page.matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
  expect(sections).toEqual(alerts.map(({ alert }) => alert));
});

test('alerts use only metrics that the programs have', async () => {
  const webhook = createWebhookMetrics();
  webhook.measureStock(() => []);
  const registries = [createOperatorMetrics().registry, webhook.registry];
  const metrics = await Promise.all(registries.map((registry) => registry.getMetricsAsJSON()));
  const known = metrics.flat().map(({ name }) => name);
  const asked = alerts.flatMap(({ expr }) => expr.match(/rockmac_\w+/g) ?? []);
  expect(asked.length).toBeGreaterThanOrEqual(alerts.length);
  for (const name of asked) expect(known).toContain(name.replace(/_bucket$/, ''));
});
