import type { Registry } from '@prometheus-io/client';
import { code, table } from './markdown.ts';

/** One table of docs/metrics.md, from what a process has registered. */
export function metricsTable(registry: Registry): string {
  const rows = registry
    .getMetricsAsArray()
    .map(({ name, type, help }) => [code(name), type, help])
    .toSorted(([a = ''], [b = '']) => a.localeCompare(b));
  return table(['metric', 'type', 'what it tells'], rows);
}
