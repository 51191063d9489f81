import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import packageJson from '../package.json' with { type: 'json' };

const repository = path.join(import.meta.dirname, '..');
const folder = path.join(repository, '.github', 'workflows');
const step = z.looseObject({
  uses: z.string().optional(),
  run: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
});
const permissions = z.record(z.string(), z.string());
const job = z.looseObject({
  needs: z.string().optional(),
  permissions: permissions.optional(),
  steps: z.array(step),
});
const workflow = z.looseObject({ permissions, jobs: z.record(z.string(), job) });

describe.each(readdirSync(folder))('the workflow %s', (file) => {
  const text = readFileSync(path.join(folder, file), 'utf8');
  const { permissions: rights, jobs } = workflow.parse(parse(text));
  const steps = Object.values(jobs).flatMap((each) => each.steps);

  test('pins every action by its commit, since a tag can be moved, and names the version for readers', () => {
    const used = text.split('\n').filter((line) => /\buses:/.test(line));
    expect(used).toHaveLength(steps.filter(({ uses }) => uses !== undefined).length);
    for (const line of used) expect(line).toMatch(/uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('has read permissions only, unless a job needs more', () => {
    expect(rights).toEqual({ contents: 'read' });
  });

  test('uses the Node version that the tests run on', () => {
    const versions = steps.flatMap((each) => each.with?.['node-version'] ?? []);
    for (const version of versions) expect(version).toBe(packageJson.devDependencies.node);
  });
});

describe('the workflow of the release', () => {
  const release = workflow.parse(parse(readFileSync(path.join(folder, 'release.yaml'), 'utf8')));
  const commandsOf = (name: string) => (release.jobs[name]?.steps ?? []).flatMap(({ run }) => run ?? []).join('\n');

  test('makes every file by `make release`, and builds nothing of its own but the image', () => {
    expect(commandsOf('files')).toBe('make release VERSION="${GITHUB_REF_NAME#v}"');
    const others = Object.keys(release.jobs).filter((name) => name !== 'files');
    for (const name of others) expect(commandsOf(name)).not.toMatch(/\b(make|tar|npm (pack|run|ci)|helm package)\b/);
  });

  test('publishes only after all files were made: each job needs the one before', () => {
    expect(Object.entries(release.jobs).map(([name, { needs }]) => [name, needs])).toEqual([
      ['files', undefined],
      ['image', 'files'],
      ['chart', 'image'],
      ['publish', 'chart'],
    ]);
  });

  test('signs the image, the chart and the checksums, and checks the checksums before', () => {
    expect(commandsOf('image')).toContain('cosign sign --yes "$IMAGE@$DIGEST"');
    expect(commandsOf('chart')).toContain('cosign sign --yes "$CHARTS/rock-mac@');
    expect(commandsOf('publish')).toMatch(
      /sha256sum --check checksums\.txt[^]*cosign sign-blob .* dist\/checksums\.txt/,
    );
  });

  test('gives each job only the rights that it uses', () => {
    const rights = Object.fromEntries(Object.entries(release.jobs).map(([name, each]) => [name, each.permissions]));
    expect(rights).toEqual({
      files: undefined,
      image: { contents: 'read', packages: 'write', 'id-token': 'write', attestations: 'write' },
      chart: { contents: 'read', packages: 'write', 'id-token': 'write' },
      publish: { contents: 'write', 'id-token': 'write', attestations: 'write' },
    });
  });
});
