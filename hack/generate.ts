/**
 * Writes every generated file of the project. `make generate` runs it. `make verify` runs it with `--check`, which writes
 * nothing and fails when a file differs. To add a file, add a line to `generatedFiles`.
 *
 * With `--manifests` it renders deploy/manifests from the chart instead (`make manifests`). That needs Helm, so it is apart,
 * and an integration test checks its result.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { customResourceDefinitions } from '../api/crds.ts';
import { resolveHelm } from '../test/env/programs/helm.ts';
import { argoCdPatch } from './argo-cd.ts';
import { chartFiles, namespaceManifest } from './chart-files.ts';
import { cliPage } from './cli-page.ts';
import { errorsPage } from './errors-page.ts';
import { type GeneratedFile, yamlFile } from './generated-file.ts';
import { manifestFiles } from './manifests.ts';
import { apiPage, metricsPage, rbacPage } from './pages.ts';

const ROOT = new URL('../', import.meta.url);

function generatedFiles(): readonly GeneratedFile[] {
  const [macAllocation, macPool] = customResourceDefinitions();
  return [
    yamlFile('crds/macallocations.yaml', macAllocation),
    yamlFile('crds/macpools.yaml', macPool),
    ...chartFiles(),
    yamlFile('deploy/manifests/namespace.yaml', namespaceManifest()),
    argoCdPatch(),
    { path: 'docs/api.md', text: apiPage() },
    { path: 'docs/metrics.md', text: metricsPage() },
    { path: 'docs/rbac.md', text: rbacPage() },
    { path: 'docs/cli.md', text: cliPage() },
    { path: 'docs/errors.md', text: errorsPage() },
  ];
}

async function currentText(path: string): Promise<string | undefined> {
  try {
    return await readFile(new URL(path, ROOT), 'utf8');
  } catch {
    return undefined;
  }
}

const checkOnly = process.argv.includes('--check');
const withHelm = process.argv.includes('--manifests');
const files = withHelm ? await manifestFiles(await resolveHelm(4, console.error)) : generatedFiles();
const stale: string[] = [];
for (const { path, text } of files) {
  if ((await currentText(path)) === text) continue;
  stale.push(path);
  if (checkOnly) continue;
  await mkdir(dirname(new URL(path, ROOT).pathname), { recursive: true });
  await writeFile(new URL(path, ROOT), text);
}
const verb = checkOnly ? 'out of date' : 'written';
for (const path of stale) console.log(`${verb}: ${path}`);
if (checkOnly && stale.length > 0) {
  console.error(`Run \`make ${withHelm ? 'manifests' : 'generate'}\` and commit the result.`);
  process.exitCode = 1;
}
if (!checkOnly && stale.some((path) => path.startsWith('charts/'))) {
  console.log('The chart changed: run `make manifests` to render deploy/manifests again.');
}
