import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { customResourceDefinitions } from '../../api/crds.ts';
import { type ChartRelease, releasedChart, releasedValues } from './chart-release.ts';

const read = (file: string): string => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');

const RELEASE: ChartRelease = {
  version: '0.2.0',
  source: 'https://git.example.com/rock-mac',
  image: 'registry.example.com/team/rock-mac',
  changes: [
    { kind: 'added', description: 'A: "b"' },
    { kind: 'security', description: 'c' },
  ],
  crds: customResourceDefinitions(),
  examples: ['claim', 'pool'].map((name) => read(`deploy/examples/${name}.yaml`)),
};
const chart = z
  .looseObject({ annotations: z.record(z.string(), z.string()) })
  .parse(parse(releasedChart(read('charts/rock-mac/Chart.yaml'), RELEASE)));
const annotation = (name: string): unknown => parse(chart.annotations[`artifacthub.io/${name}`] ?? '');

test('the chart keeps its own fields, and names its repository', () => {
  expect(chart).toMatchObject({
    ...z.looseObject({}).parse(parse(read('charts/rock-mac/Chart.yaml'))),
    home: RELEASE.source,
    sources: [RELEASE.source],
  });
});

test('Artifact Hub shows the changes, the image and each kind with an example', () => {
  expect(annotation('changes')).toEqual(RELEASE.changes);
  expect(annotation('images')).toMatchObject([{ image: 'registry.example.com/team/rock-mac:0.2.0' }]);
  const entry = z.array(z.object({ kind: z.string(), name: z.string(), description: z.string().min(1) }));
  const kinds = entry.parse(annotation('crds')).map(({ kind }) => kind);
  const examples = z.array(z.object({ kind: z.string() })).parse(annotation('crdsExamples'));
  expect(kinds).toEqual(['MacAllocation', 'MacPool']);
  expect(examples.map(({ kind }) => kind)).toEqual(kinds);
});

test('security updates and early versions are marked', () => {
  const [added = { kind: 'added', description: '' } as const] = RELEASE.changes;
  const early = parse(
    releasedChart('name: x', { ...RELEASE, version: '0.3.0-rc.1', changes: [added] }),
  ) as typeof chart;
  const marks = ({ annotations }: typeof chart) =>
    ['containsSecurityUpdates', 'prerelease'].map((name) => annotations[`artifacthub.io/${name}`]);
  expect([marks(chart), marks(early)]).toEqual([
    ['true', 'false'],
    ['false', 'true'],
  ]);
});

test('the values name the released image and the page of the alerts, and keep every comment', () => {
  const before = read('charts/rock-mac/values.yaml');
  const after = releasedValues(before, RELEASE);
  expect(parse(after)).toMatchObject({
    image: { registry: 'registry.example.com', repository: 'team/rock-mac' },
    monitoring: { rules: { runbookUrl: 'https://git.example.com/rock-mac/blob/v0.2.0/docs/alerts.md' } },
  });
  const comments = (text: string) => text.split('\n').filter((line) => line.trimStart().startsWith('#'));
  expect(comments(after)).toEqual(comments(before));
});
