import type { Registry } from 'prom-client';

/** One table of docs/metrics.md, from what a process has registered. */
export function metricsTable(registry: Registry): string {
  const rows = registry
    .getMetricsAsArray()
    .map(({ name, type, help }) => [`\`${name}\``, String(type), help])
    .toSorted(([a = ''], [b = '']) => a.localeCompare(b));
  const all = [['metric', 'type', 'what it tells'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const rule = line(widths.map((width) => '-'.repeat(width)));
  const [head = [], ...body] = all;
  return [line(head), rule, ...body.map(line)].join('\n');
}
