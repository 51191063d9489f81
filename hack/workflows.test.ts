import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
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
const workflow = z.looseObject({
  permissions,
  defaults: z.object({ run: z.object({ shell: z.string() }) }),
  jobs: z.record(z.string(), job),
});
const targets = readFileSync(path.join(repository, 'Makefile'), 'utf8');
const hasShellcheck = spawnSync('shellcheck', ['--version']).error === undefined;
/** Without the expressions of the workflow, which are replaced before the shell sees them. */
const scriptOf = ({ run = '' }: z.infer<typeof step>) => run.replaceAll(/\$\{\{.*?\}\}/g, 'VALUE');

describe.each(readdirSync(folder))('the workflow %s', (file) => {
  const text = readFileSync(path.join(folder, file), 'utf8');
  const { permissions: rights, defaults, jobs } = workflow.parse(parse(text));
  const steps = Object.values(jobs).flatMap((each) => each.steps);

  test('pins every action by its commit, since a tag can be moved, and names the version for readers', () => {
    const used = text.split('\n').filter((line) => /\buses:/.test(line));
    expect(used).toHaveLength(steps.filter(({ uses }) => uses !== undefined).length);
    for (const line of used) expect(line).toMatch(/uses: [\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
  });

  test('has read permissions only, unless a job needs more', () => {
    expect(rights).toEqual({ contents: 'read' });
  });

  test('ends a step with a command that fails in a pipe', () => {
    expect(defaults.run.shell).toBe('bash');
  });

  test('keeps no token in the checkout', () => {
    for (const { uses, with: inputs } of steps)
      if (uses?.startsWith('actions/checkout@') === true) expect(inputs?.['persist-credentials']).toBe(false);
  });

  test('calls only targets of the Makefile, and scripts of the repository', () => {
    const scripts = steps.map(scriptOf).join('\n');
    for (const [, target = ''] of scripts.matchAll(/\bmake ([a-z-]+)/g)) expect(targets).toMatch(`\n${target}:`);
    for (const [file] of scripts.matchAll(/(?<![\w/.-])[\w./-]+\/(?:run|[\w-]+\.sh)\b/g))
      expect(existsSync(path.join(repository, file)), file).toBe(true);
  });

  test.skipIf(!hasShellcheck)('has scripts without a warning of shellcheck', () => {
    for (const script of steps.map(scriptOf).filter((text) => text !== '')) {
      const { status, stdout } = spawnSync('shellcheck', ['--shell=bash', '-'], { input: script, encoding: 'utf8' });
      expect(status, stdout).toBe(0);
    }
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
    expect(commandsOf('files')).toBe(
      'IMAGE="ghcr.io/${GITHUB_REPOSITORY,,}" make release VERSION="${GITHUB_REF_NAME#v}"',
    );
    const others = Object.keys(release.jobs).filter((name) => name !== 'files');
    for (const name of others) expect(commandsOf(name)).not.toMatch(/\b(make|tar|npm (pack|run|ci)|helm package)\b/);
  });

  test('takes nothing from a cache, which another workflow may have written', () => {
    const all = Object.values(release.jobs).flatMap(({ steps }) => steps);
    expect(all.filter(({ uses }) => uses?.startsWith('actions/cache@'))).toEqual([]);
    expect(all.filter(({ with: inputs }) => inputs?.['cache'] !== undefined)).toEqual([]);
  });

  test('names images and charts in lower case, as a registry requires, whatever the owner is called', () => {
    const text = JSON.stringify(release);
    expect(text).not.toMatch(/ghcr\.io\/(?!\$\{\w+,,\})/);
    expect(text).toContain('ghcr.io/${GITHUB_REPOSITORY,,}');
  });

  test('can run its last job again: what is published already is not published twice', () => {
    expect(commandsOf('publish')).toMatch(/gh release view [^]* \|\|\s+gh release create /);
    expect(commandsOf('publish')).toMatch(/npm view [^]* \|\|\s+npm publish /);
  });

  test('gives a version with a suffix another tag in npm than latest', () => {
    expect(commandsOf('publish')).toContain(`--tag "\${{ contains(github.ref_name, '-') && 'next' || 'latest' }}"`);
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
    expect(commandsOf('chart')).toContain('cosign sign --yes "$charts/rock-mac@');
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
