import { readFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import packageJson from '../package.json' with { type: 'json' };

const repository = path.join(import.meta.dirname, '..');
const chart = z
  .looseObject({ version: z.string(), appVersion: z.string(), description: z.string(), icon: z.string() })
  .parse(parse(readFileSync(path.join(repository, 'charts/rock-mac/Chart.yaml'), 'utf8')));

test('the chart has the version and the description of the package', () => {
  expect([chart.version, chart.appVersion]).toEqual([packageJson.version, packageJson.version]);
  expect(chart.description).toBe(packageJson.description);
});

test('the icon of the chart is that of the console', () => {
  const [type, text = ''] = chart.icon.split(',');
  expect(type).toBe('data:image/svg+xml;base64');
  const svg = readFileSync(path.join(repository, 'console', 'icon.svg'), 'utf8').trim();
  expect(Buffer.from(text, 'base64').toString()).toBe(svg);
});
