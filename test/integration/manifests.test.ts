import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { manifestFiles } from '../../hack/manifests.ts';
import { resolveHelm } from '../env/programs/helm.ts';
import { logToStderr } from '../env/run/run.ts';
import { applyManifests, installForeignCrds, sharedKubectl } from '../env/testing.ts';

const repository = path.join(import.meta.dirname, '..', '..');
const run = promisify(execFile);

function file(...parts: string[]): string {
  return path.join(repository, ...parts);
}

test('the manifests are what Helm renders from the chart (write them with `make manifests`)', async () => {
  const helm = await resolveHelm(4, logToStderr);
  for (const { path: name, text } of await manifestFiles(helm)) expect(await readFile(file(name), 'utf8')).toBe(text);
}, 900_000);

describe('the files that users apply', () => {
  beforeAll(async () => {
    await applyManifests(sharedKubectl(), [file('crds'), file('deploy', 'manifests', 'namespace.yaml')]);
    // Without CloudNativePG's: upstream-crds.test.ts installs the project's own CRD in this cluster.
    const names = [
      'network-attachment-definitions',
      'virtual-machines',
      'virtual-machine-instances',
      'virtual-machine-pools',
    ] as const;
    await installForeignCrds(sharedKubectl(), names);
  });

  test.each([
    file('deploy', 'manifests'),
    ...[
      'pod',
      'pod-of-two-pools',
      'pod-with-claim',
      'deployment-with-claims',
      'claim',
      'pool',
      'stateful-set',
      'sticky-stateful-set',
      'network',
      'virtual-machine',
      'sticky-virtual-machine-pool',
    ].map((name) => file('deploy', 'examples', `${name}.yaml`)),
  ])('%s is accepted by the API server unchanged', async (manifest) => {
    const kubectl = sharedKubectl();
    const taken = await kubectl(['apply', '--server-side', '--dry-run=server', '-o', 'name', '-f', manifest]);
    expect(taken.trim()).not.toBe('');
  });

  test('kubectl explain describes every field of a claim', async () => {
    const explained = await sharedKubectl()(['explain', 'macallocation.spec', '--recursive=false']);
    for (const field of ['pool', 'device', 'requestedMac', 'reserved', 'attributes', 'expiresAfter', 'renewedAt']) {
      expect(explained).toMatch(new RegExp(`${field}\\t<`));
    }
    expect(explained).toContain('Name of the MacPool of the address. Immutable.');
  });

  test('the short names and the category work', async () => {
    const kubectl = sharedKubectl();
    for (const name of ['ma', 'macalloc', 'mp', 'macpool', 'rock-mac']) await kubectl(['get', name, '-A']);
  });
});

test('the quickstart on kind reports what is missing instead of failing', async () => {
  const { stdout } = await run(file('deploy', 'kind', 'quickstart.sh'), {
    env: { ...process.env, PATH: '/usr/bin:/bin', DOCKER_HOST: 'unix:///nonexistent.sock' },
  });
  expect(stdout).toMatch(/^skipped: .*docker/i);
});
