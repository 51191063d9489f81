import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import packageJson from '../package.json' with { type: 'json' };

const repository = path.join(import.meta.dirname, '..');
const folder = path.join(repository, '.github', 'workflows');
const step = z.looseObject({ uses: z.string().optional(), with: z.record(z.string(), z.unknown()).optional() });
const workflow = z.looseObject({
  permissions: z.record(z.string(), z.string()),
  jobs: z.record(z.string(), z.looseObject({ steps: z.array(step) })),
});

describe.each(readdirSync(folder))('the workflow %s', (file) => {
  const text = readFileSync(path.join(folder, file), 'utf8');
  const { permissions, jobs } = workflow.parse(parse(text));
  const steps = Object.values(jobs).flatMap((job) => job.steps);

  test('pins every action by its commit, since a tag can be moved, and names the version for readers', () => {
    const used = text.split('\n').filter((line) => /\buses:/.test(line));
    expect(used).toHaveLength(steps.filter(({ uses }) => uses !== undefined).length);
    for (const line of used) expect(line).toMatch(/uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('has read permissions only, unless a job needs more', () => {
    expect(permissions).toEqual({ contents: 'read' });
  });

  test('uses the Node version that the tests run on', () => {
    const versions = steps.flatMap((each) => each.with?.['node-version'] ?? []);
    for (const version of versions) expect(version).toBe(packageJson.devDependencies.node);
  });
});
