import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { resolveHelm } from '../ground/helm.ts';
import { logToStderr } from '../ground/run.ts';
import { freshNamespace, sharedKubectl } from '../ground/testing.ts';

const chart = path.join(import.meta.dirname, '..', '..', 'charts', 'rock-mac');
const run = promisify(execFile);
let helm = '';
beforeAll(async () => {
  helm = await resolveHelm(4, logToStderr);
}, 900_000);

async function template(namespace: string, ...values: string[]): Promise<string> {
  const set = values.flatMap((value) => ['--set', value]);
  return (await run(helm, ['template', 'try', chart, '--namespace', namespace, ...set], { maxBuffer: 16e6 })).stdout;
}

const rendered = z.looseObject({ kind: z.string(), metadata: z.looseObject({ name: z.string() }) });

async function objects(namespace: string, ...values: string[]) {
  const documents = parseAllDocuments(await template(namespace, ...values));
  return documents
    .map((document) => document.toJS() as unknown)
    .filter((value) => value !== null)
    .map((value) => rendered.parse(value));
}

describe('the chart', () => {
  test('passes helm lint', async () => {
    await expect(run(helm, ['lint', '--strict', chart])).resolves.toBeDefined();
  });

  test.each([
    ['its defaults', []],
    ['one replica of each', ['operator.replicas=1', 'webhook.replicas=1']],
    [
      'another image and a pull secret',
      ['image.repository=registry.example.com/rock-mac', 'image.tag=1.2.3', 'imagePullSecrets[0].name=pull'],
    ],
    ['another Secret for the ledger', ['ledger.existingSecret=app', 'ledger.key=uri']],
    ['another port and pool', ['webhook.port=9443', 'webhook.pool=development']],
    [
      'a primary CNI and a Multus elsewhere',
      ['webhook.primaryCni=cilium', 'webhook.multusNamespace=openshift-multus', 'webhook.exemptNamespaces={ledger}'],
    ],
    ['CRDs that come from elsewhere', ['crds.enabled=false']],
    ['no read API', ['readApi.enabled=false']],
    ['CRDs that go with it', ['crds.keep=false']],
    ['a quiet log and the local twin of the prefix', ['logLevel=warn', 'prefix=a6:58:0f']],
  ])('with %s is taken by the API server', async (_, values) => {
    const namespace = await freshNamespace();
    const manifest = await template(namespace.name, ...values);
    const taken = await sharedKubectl()(
      ['apply', '--server-side', '--dry-run=server', '--force-conflicts', '-o', 'name', '-f', '-'],
      {
        input: manifest,
      },
    );
    expect(taken).toContain('deployment.apps/rock-mac-webhook');
    await namespace.remove();
  });

  test.each([
    ['a key that does not exist', 'webhok.replicas=3', /webhok/],
    ['no replica', 'webhook.replicas=0', /webhook.*replicas|minimum/s],
    ['a prefix that is none', 'prefix=zz', /prefix/],
    ['a CNI that it does not know', 'webhook.primaryCni=flannel', /primaryCni/],
    ['a log level that does not exist', 'logLevel=loud', /logLevel/],
  ])('refuses %s, and says which', async (_, value, message) => {
    await expect(template('default', value)).rejects.toThrow(message);
  });

  test('never renders a CA bundle, which an upgrade would then put back', async () => {
    expect(await template('default')).not.toContain('caBundle');
  });

  test('follows the namespace and the port of the release everywhere', async () => {
    const text = await template('elsewhere', 'webhook.port=9443', 'readApi.port=9444');
    expect(text).not.toContain('rock-mac-system');
    expect(text).not.toContain('10250');
  });

  test('names the namespaces that are never touched in both entries for workloads, and in no other', async () => {
    const all = await objects('elsewhere', 'webhook.exemptNamespaces={ledger,calico-system}');
    const selecting = z.array(
      z.object({
        name: z.string(),
        namespaceSelector: z
          .object({ matchExpressions: z.array(z.object({ key: z.string(), values: z.array(z.string()) })) })
          .optional(),
      }),
    );
    const configuration = all.find(({ kind }) => kind === 'MutatingWebhookConfiguration');
    const exempt = selecting.parse(configuration?.['webhooks']).map(({ name, namespaceSelector }) => {
      const byName = namespaceSelector?.matchExpressions.find(({ key }) => key === 'kubernetes.io/metadata.name');
      return [name, byName?.values];
    });
    const never = ['kube-system', 'elsewhere', 'ledger', 'calico-system'];
    expect(exempt).toEqual([
      ['inject-namespaces.mac.rock-os.io', never],
      ['inject-objects.mac.rock-os.io', never],
      ['stamp-requester.mac.rock-os.io', undefined],
    ]);
  });

  test('keeps its CRDs when it is uninstalled, and has no disruption budget for a single replica', async () => {
    const all = await objects('default', 'webhook.replicas=1');
    const crds = all.filter(({ kind }) => kind === 'CustomResourceDefinition');
    expect(crds.map(({ metadata }) => metadata['annotations'])).toEqual([
      { 'helm.sh/resource-policy': 'keep' },
      { 'helm.sh/resource-policy': 'keep' },
    ]);
    const budgets = all.filter(({ kind }) => kind === 'PodDisruptionBudget').map(({ metadata }) => metadata.name);
    expect(budgets).toEqual(['rock-mac-operator']);
  });
});
