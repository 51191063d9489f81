import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';
import { SYSTEM_NAMESPACE } from '../api/names.ts';
import { type GeneratedFile, yamlFile } from './generated-file.ts';

const run = promisify(execFile);
const CHART = path.join(import.meta.dirname, '..', 'charts', 'rock-mac');

/** The files of deploy/manifests, each with the chart's templates that it is rendered from. */
const TEMPLATES: Readonly<Record<string, readonly string[]>> = {
  rbac: ['rbac'],
  roles: ['roles'],
  admission: ['admission'],
  'read-api': ['read-api'],
  workloads: ['operator', 'webhook'],
};

/** Where objects and their pod templates have the label that names Helm. It would be wrong on plain manifests. */
const HELM_LABEL_PATHS = [
  ['metadata', 'labels', 'app.kubernetes.io/managed-by'],
  ['spec', 'template', 'metadata', 'labels', 'app.kubernetes.io/managed-by'],
];

/**
 * Renders the plain manifests for `kubectl apply -f` from the chart with its default values, so that both install the same
 * objects. `helm` is the path of a Helm program.
 */
export async function manifestFiles(helm: string): Promise<readonly GeneratedFile[]> {
  return await Promise.all(
    Object.entries(TEMPLATES).map(async ([name, templates]) =>
      yamlFile(`deploy/manifests/${name}.yaml`, ...(await render(helm, templates))),
    ),
  );
}

async function render(helm: string, templates: readonly string[]): Promise<unknown[]> {
  const show = templates.flatMap((name) => ['--show-only', `templates/${name}.yaml`]);
  // The version of Kubernetes is fixed: Helm's own default changes with its releases.
  const args = ['template', 'rock-mac', CHART, '--namespace', SYSTEM_NAMESPACE, '--kube-version', '1.37.0', ...show];
  const { stdout } = await run(helm, args, { maxBuffer: 16e6 });
  const documents = parseAllDocuments(stdout).filter((document) => document.contents !== null);
  return documents.map((document) => {
    for (const labelPath of HELM_LABEL_PATHS) if (document.hasIn(labelPath)) document.deleteIn(labelPath);
    return document.toJS() as unknown;
  });
}
