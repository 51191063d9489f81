import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { createOperatorMetrics } from '../operator/metrics/operator-metrics.ts';
import { createWebhookMetrics } from '../webhook/metrics.ts';
import { grafanaExpressions } from './grafana-dashboard.ts';

const run = promisify(execFile);
const promtool = await run('promtool', ['--version']).then(
  () => true,
  () => false,
);

test('the dashboard for Grafana uses only metrics that the programs have', async () => {
  const webhook = createWebhookMetrics();
  webhook.measureStock(() => []);
  const registries = [createOperatorMetrics().registry, webhook.registry];
  const metrics = await Promise.all(registries.map((registry) => registry.getMetricsAsJSON()));
  const known = metrics.flat().map(({ name }) => name);
  const used = grafanaExpressions().flatMap((expression) => expression.match(/\brockmac_[a-z_]+/g) ?? []);
  expect(used.length).toBeGreaterThan(20);
  for (const name of used) expect(known).toContain(name.replace(/_bucket$/, ''));
});

test.skipIf(!promtool)(
  'Prometheus understands every expression (needs promtool: apt-get install prometheus)',
  async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-promtool-'));
    const rules = grafanaExpressions().map((expr, index) => ({ record: `panel:${String(index)}`, expr }));
    const file = path.join(folder, 'rules.json'); // JSON is YAML
    await writeFile(file, JSON.stringify({ groups: [{ name: 'panels', rules }] }));
    const { stdout } = await run('promtool', ['check', 'rules', file]);
    expect(stdout).toContain(`${String(rules.length)} rules found`);
    await rm(folder, { recursive: true });
  },
);
