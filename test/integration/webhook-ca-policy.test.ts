import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from './installed-env.ts';

/*
 * The token of the webhook may write its configurations, because it publishes its CA there. It could once have all pods and
 * Secrets of a cluster sent to any server.
 */

const installed = installedEnvOfThisFile();
let asWebhook: readonly string[] = [];
let asOperator: readonly string[] = [];

beforeAll(async () => {
  const { plane } = installed();
  const kubeconfigOf = (name: string) => plane.serviceAccountKubeconfig('rock-mac-system', name);
  asWebhook = ['--kubeconfig', await kubeconfigOf('rock-mac-webhook')];
  asOperator = ['--kubeconfig', await kubeconfigOf('rock-mac-operator')];
  // The API server watches policies, so it may not know them yet.
  await eventually(() => expectRefused('mutating', [{ op: 'replace', path: '/webhooks/0/timeoutSeconds', value: 7 }]));
});

const MUTATING = 'mutatingwebhookconfiguration';
const VALIDATING = 'validatingwebhookconfiguration';
type Kind = 'mutating' | 'validating';

async function patch(as: readonly string[], kind: Kind, operations: readonly object[]): Promise<string> {
  const resource = kind === 'mutating' ? MUTATING : VALIDATING;
  const body = JSON.stringify(operations);
  return await installed().plane.kubectl([
    ...as,
    'patch',
    resource,
    'zz-rock-mac',
    '--type=json',
    '-p',
    body,
    '-o',
    'name',
  ]);
}

async function expectRefused(kind: Kind, operations: readonly object[]): Promise<void> {
  await expect(patch(asWebhook, kind, operations)).rejects.toThrow(
    /may change only the caBundle of a webhook configuration/,
  );
}

const stored = z.object({ webhooks: z.array(z.looseObject({ name: z.string(), clientConfig: z.looseObject({}) })) });

async function webhooksOf(kind: Kind) {
  const resource = kind === 'mutating' ? MUTATING : VALIDATING;
  return stored.parse(JSON.parse(await installed().plane.kubectl(['get', resource, 'zz-rock-mac', '-o', 'json'])))
    .webhooks;
}

const EVERYTHING = [{ apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'] }];
const CHANGES: Readonly<Record<string, readonly object[]>> = {
  'what is sent': [{ op: 'replace', path: '/webhooks/0/rules', value: EVERYTHING }],
  'the conditions': [{ op: 'replace', path: '/webhooks/0/matchConditions', value: [] }],
  'the timeout': [{ op: 'replace', path: '/webhooks/0/timeoutSeconds', value: 30 }],
  'the objects': [{ op: 'add', path: '/webhooks/0/objectSelector', value: { matchLabels: { a: 'b' } } }],
  'the namespaces': [{ op: 'replace', path: '/webhooks/0/namespaceSelector', value: { matchLabels: { a: 'b' } } }],
  'the path of the Service': [{ op: 'replace', path: '/webhooks/0/clientConfig/service/path', value: '/other' }],
  'the Service': [{ op: 'replace', path: '/webhooks/0/clientConfig/service/name', value: 'other' }],
  'a URL instead of the Service': [
    { op: 'remove', path: '/webhooks/0/clientConfig/service' },
    { op: 'add', path: '/webhooks/0/clientConfig/url', value: 'https://attacker.example.com/' },
  ],
  'the name': [{ op: 'replace', path: '/webhooks/0/name', value: 'other.mac.rock-os.io' }],
  'the number of entries': [{ op: 'remove', path: '/webhooks/0' }],
  'the labels': [{ op: 'add', path: '/metadata/labels', value: { a: 'b' } }],
  'the annotations': [{ op: 'add', path: '/metadata/annotations', value: { a: 'b' } }],
  'the finalizers': [{ op: 'add', path: '/metadata/finalizers', value: ['example.com/stay'] }],
};

describe('the ServiceAccount of the webhook', () => {
  test.each(
    (['mutating', 'validating'] as const).flatMap((kind) => Object.keys(CHANGES).map((what) => [kind, what] as const)),
  )('may not change in the %s configuration: %s', async (kind, what) => {
    await expectRefused(kind, CHANGES[what] ?? []);
  });

  test.each([
    ['mutating', 'Ignore'],
    ['validating', 'Fail'],
  ] as const)('may not change the failure policy of the %s configuration to %s', async (kind, value) => {
    await expectRefused(kind, [{ op: 'replace', path: '/webhooks/0/failurePolicy', value }]);
  });

  test('may not add an entry', async () => {
    const [first] = await webhooksOf('mutating');
    await expectRefused('mutating', [
      { op: 'add', path: '/webhooks/-', value: { ...first, name: 'more.mac.rock-os.io' } },
    ]);
  });

  test('may not change a CA and something else at once', async () => {
    const ca = { op: 'replace', path: '/webhooks/0/clientConfig/caBundle', value: '' };
    await expectRefused('mutating', [ca, { op: 'replace', path: '/webhooks/1/timeoutSeconds', value: 9 }]);
  });

  test.each(['mutating', 'validating'] as const)('may change every CA of the %s configuration', async (kind) => {
    const before = await webhooksOf(kind);
    // The webhook writes its own again after ten seconds.
    const operations = before.map((_, index) => ({
      op: 'replace',
      path: `/webhooks/${String(index)}/clientConfig/caBundle`,
      value: before[0]?.clientConfig['caBundle'],
    }));
    await patch(asWebhook, kind, operations);
    await patch(
      asWebhook,
      kind,
      operations.map(({ path }) => ({ op: 'remove', path })),
    );
    await eventually(
      async () => {
        expect(await webhooksOf(kind)).toEqual(before);
      },
      { within: 30_000 },
    );
  });

  test('may neither create nor delete a configuration', async () => {
    const { plane } = installed();
    const input = JSON.stringify({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'MutatingWebhookConfiguration',
      metadata: { name: 'more' },
      webhooks: [],
    });
    await expect(plane.kubectl([...asWebhook, 'create', '-f', '-'], { input })).rejects.toThrow(/Forbidden|forbidden/);
    await expect(plane.kubectl([...asWebhook, 'delete', MUTATING, 'zz-rock-mac'])).rejects.toThrow(/forbidden/);
  });
});

test('the ServiceAccount of the operator may not change a configuration at all', async () => {
  const ca = [{ op: 'remove', path: '/webhooks/0/clientConfig/caBundle' }];
  for (const kind of ['mutating', 'validating'] as const) {
    await expect(patch(asOperator, kind, ca)).rejects.toThrow(/forbidden/);
  }
});

test('an administrator may still change everything', async () => {
  await patch([], 'mutating', [{ op: 'add', path: '/metadata/labels/note', value: 'mine' }]);
});
