import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test, type TestContext } from 'vitest';
import {
  cloudNativePg,
  findUpstreamCrds,
  prometheusOperator,
  type UpstreamCrds,
} from '../env/kubernetes/upstream-crds.ts';
import { resolveHelm } from '../env/programs/helm.ts';
import { logToStderr } from '../env/run/run.ts';
import { applyManifests, freshNamespace, sharedKubectl } from '../env/testing.ts';

/*
 * Validates rock-mac's objects of other projects' kinds with the original CRDs on a real API server. The validation is strict:
 * an unknown field is an error.
 */

const repository = path.join(import.meta.dirname, '..', '..');
const run = promisify(execFile);
const strictly = ['apply', '--server-side', '--dry-run=server', '--validate=strict', '-o', 'name', '-f', '-'];

/** Installs the CRDs of a project for one test, or skips the test if they are not available. */
async function withCrds({ skip }: TestContext, project: UpstreamCrds, names: readonly string[]): Promise<void> {
  const folder = await findUpstreamCrds(project);
  if (folder === undefined) {
    skip(`the CRDs of ${project.module}@${project.version} need Go, and the module proxy or Go's cache`);
    return;
  }
  const files = names.map((name) => path.join(folder, `${name}.yaml`));
  await applyManifests(sharedKubectl(), files);
  onTestFinished(async () => {
    await sharedKubectl()(['delete', '--wait=false', ...files.flatMap((file) => ['-f', file])]);
  });
}

describe('with the CRDs of other projects', { timeout: 180_000 }, () => {
  test('the ServiceMonitor and the PrometheusRule of the chart are valid', async (context) => {
    await withCrds(context, prometheusOperator, [
      'monitoring.coreos.com_servicemonitors',
      'monitoring.coreos.com_prometheusrules',
    ]);
    const namespace = await freshNamespace();
    onTestFinished(() => namespace.remove());
    const values = [
      ...['serviceMonitor.enabled=true', 'serviceMonitor.labels.release=prometheus'],
      ...['rules.enabled=true', 'rules.labels.release=prometheus', 'renderMode=alwaysRender'],
    ].flatMap((value) => ['--set', `monitoring.${value}`]);
    const chart = path.join(repository, 'charts', 'rock-mac');
    const { stdout } = await run(await resolveHelm(4, logToStderr), [
      ...['template', 'try', chart, '--namespace', namespace.name, '--kube-version', '1.37.0'],
      ...['--show-only', 'templates/monitoring.yaml', ...values],
    ]);
    const taken = await sharedKubectl()(strictly, { input: stdout });
    expectNamed(taken, [
      'service/rock-mac-metrics',
      'servicemonitor.monitoring.coreos.com/rock-mac',
      'prometheusrule.monitoring.coreos.com/rock-mac',
    ]);
  });

  test('the example of a CloudNativePG cluster is valid for the oldest version that it names', async (context) => {
    await withCrds(context, cloudNativePg, ['postgresql.cnpg.io_clusters']);
    await applyManifests(sharedKubectl(), [path.join(repository, 'deploy', 'manifests', 'namespace.yaml')]);
    const file = path.join(repository, 'deploy', 'examples', 'cloudnative-pg.yaml');
    const example = await readFile(file, 'utf8');
    expect(example).toContain(`(${cloudNativePg.version.replace(/^v(\d+\.\d+)\..*$/, '$1')} or newer`);
    const taken = await sharedKubectl()(strictly, { input: example });
    expectNamed(taken, ['cluster.postgresql.cnpg.io/rock-mac-ledger']);
  });
});

function expectNamed(taken: string, names: readonly string[]): void {
  expect(taken.trim().split('\n').sort()).toEqual([...names].sort());
}
