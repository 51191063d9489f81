import type { Registry } from '@prometheus-io/client';
import { code, table } from './markdown.ts';

/** Returns a table of docs/metrics.md from the metrics that a process registers. */
export function metricsTable(registry: Registry): string {
  const rows = registry
    .getMetricsAsArray()
    .map(({ name, type, help }) => [code(name), type, help])
    .toSorted(([a = ''], [b = '']) => a.localeCompare(b));
  return table(['metric', 'type', 'what it measures'], rows);
}
