import { beforeAll, describe, expect, test } from 'vitest';
import { OPT_IN_LABEL_VALUES, OPT_IN_WORDS, OPT_OUT_LABEL_VALUES, OPT_OUT_WORDS } from '../../api/opt-in.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from './installed-env.ts';

/*
 * Tests the warnings for an opt-in that nobody understands. The API server gives them itself, so no webhook runs here.
 */

const installed = installedEnvOfThisFile({ webhooks: 0 });
const INJECT = 'mac.rock-os.io/inject';
const STICKY = 'mac.rock-os.io/sticky';

interface Written {
  readonly annotation?: string;
  readonly label?: string;
  readonly sticky?: string;
}

function metadata({ annotation, label, sticky }: Written) {
  const annotations = {
    ...(annotation !== undefined && { [INJECT]: annotation }),
    ...(sticky !== undefined && { [STICKY]: sticky }),
  };
  return {
    ...(Object.keys(annotations).length > 0 && { annotations }),
    labels: { app: 'a', ...(label !== undefined && { [INJECT]: label }) },
  };
}

const podSpec = { containers: [{ name: 'c', image: 'example.invalid/none' }] };
const never = { ...podSpec, restartPolicy: 'Never' };
const selector = { matchLabels: { app: 'a' } };

/** Returns a manifest of each kind in which an author may opt in. */
const KINDS: Readonly<Record<string, (written: Written) => object>> = {
  pod: (written) => ({ apiVersion: 'v1', kind: 'Pod', metadata: metadata(written), spec: podSpec }),
  deployment: (written) =>
    templated('Deployment', { selector, template: { metadata: metadata(written), spec: podSpec } }),
  'stateful set': (written) =>
    templated('StatefulSet', { selector, serviceName: 's', template: { metadata: metadata(written), spec: podSpec } }),
  'daemon set': (written) =>
    templated('DaemonSet', { selector, template: { metadata: metadata(written), spec: podSpec } }),
  job: (written) => ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    spec: { template: { metadata: metadata(written), spec: never } },
  }),
  'cron job': (written) => ({
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    spec: { schedule: '* * * * *', jobTemplate: { spec: { template: { metadata: metadata(written), spec: never } } } },
  }),
  'virtual machine': (written) => ({
    apiVersion: 'kubevirt.io/v1',
    kind: 'VirtualMachine',
    metadata: metadata(written),
    spec: { runStrategy: 'Halted', template: { spec: { domain: { devices: {} } } } },
  }),
};

function templated(kind: string, spec: object): object {
  return { apiVersion: 'apps/v1', kind, spec };
}

const namespace = (written: Written) => ({ apiVersion: 'v1', kind: 'Namespace', metadata: metadata(written) });

async function kubectl(args: readonly string[], manifest: object): Promise<string> {
  return await installed().plane.kubectl(args, { input: JSON.stringify(manifest) });
}

/** Returns the warnings for an object of this manifest. The last one that was created stays, for an update. */
async function warningsOf(manifest: object, verb: 'create' | 'apply' = 'create'): Promise<string> {
  const named = manifest as { readonly metadata?: object };
  const object = { ...manifest, metadata: { ...named.metadata, name: 'written' } };
  const dryRun = verb === 'create' ? ['--dry-run=server'] : ['--server-side', '--force-conflicts'];
  return await kubectl([verb, ...dryRun, '--warnings-as-errors', '-f', '-'], object).then(
    () => '',
    (error: unknown) => String(error),
  );
}

beforeAll(async () => {
  await installForeignCrds(installed().plane.kubectl);
  await eventually(
    async () => {
      expect(await warningsOf(KINDS['virtual machine']?.({ annotation: 'ture' }) ?? {})).toContain('"ture"');
    },
    { within: 30_000, every: 200 },
  );
});

describe.each(Object.entries(KINDS))('the author of a %s', (_, manifest) => {
  test('is warned of a word that nobody understands', async () => {
    expect(await warningsOf(manifest({ annotation: 'ture' }))).toMatch(
      /The value "ture" of annotation mac\.rock-os\.io\/inject is not understood.*Write "true" or "false"/,
    );
  });

  test('is warned of a label, which has no effect there', async () => {
    expect(await warningsOf(manifest({ label: 'enabled' }))).toContain('has no effect on this object');
  });

  test('is warned of a word for sticky addresses that nobody understands', async () => {
    expect(await warningsOf(manifest({ sticky: 'ture' }))).toMatch(
      /The value "ture" of annotation mac\.rock-os\.io\/sticky is not understood.*Write "true" or "false"/,
    );
  });

  test('is not warned of a word that opts in or out, nor of nothing', async () => {
    for (const written of [{ annotation: ' Enabled' }, { annotation: 'OFF' }, { annotation: 'no', label: 'x' }, {}]) {
      expect(await warningsOf(manifest(written))).toBe('');
    }
  });
});

test.each(['deployment', 'daemon set', 'job', 'cron job'])(
  'the author of a %s is warned that its pods have no names for sticky addresses',
  async (kind) => {
    expect(await warningsOf(KINDS[kind]?.({ sticky: 'Yes' }) ?? {})).toMatch(/sticky has no effect here.*StatefulSet/);
    expect(await warningsOf(KINDS[kind]?.({ sticky: 'no' }) ?? {})).toBe('');
  },
);

test.each(['pod', 'stateful set', 'virtual machine'])('the author of a %s may write them sticky', async (kind) => {
  expect(await warningsOf(KINDS[kind]?.({ sticky: 'Yes' }) ?? {})).toBe('');
});

describe('the author of a namespace', () => {
  test('is warned of a word for sticky addresses that nobody understands', async () => {
    expect(await warningsOf(namespace({ sticky: 'ture' }))).toContain('annotation mac.rock-os.io/sticky');
    expect(await warningsOf(namespace({ sticky: 'true' }))).toBe('');
  });

  test('is warned of a label that nobody understands, and of one that is an annotation', async () => {
    expect(await warningsOf(namespace({ label: 'enable' }))).toMatch(
      /The value "enable" of label.*Write enabled or disabled/,
    );
    expect(await warningsOf(namespace({ label: 'eNaBLeD' }))).toContain('"eNaBLeD"');
    expect(await warningsOf(namespace({ annotation: 'true' }))).toContain('has no effect on a namespace');
  });

  test.each([...OPT_IN_LABEL_VALUES, ...OPT_OUT_LABEL_VALUES])('is not warned of the label %s', async (label) => {
    expect(await warningsOf(namespace({ label }))).toBe('');
  });
});

test.each([...OPT_IN_WORDS, ...OPT_OUT_WORDS])(
  'the author of a pod is not warned of the word %s',
  async (annotation) => {
    expect(await warningsOf(KINDS['pod']?.({ annotation }) ?? {})).toBe('');
  },
);

test('an update warns of the words that it writes, and not of those that were there', async () => {
  const pod = (written: Written, note: string) => {
    const made = KINDS['pod']?.(written) as { metadata: { annotations?: Record<string, string> } };
    return { ...made, metadata: { ...made.metadata, annotations: { ...made.metadata.annotations, note } } };
  };
  expect(await warningsOf(pod({ annotation: 'ture' }, 'first'), 'apply')).toContain('"ture"');
  expect(await warningsOf(pod({ annotation: 'ture' }, 'second'), 'apply')).toBe('');
  expect(await warningsOf(pod({ annotation: 'treu' }, 'second'), 'apply')).toContain('"treu"');
});

test('a long word is shown in part', async () => {
  const warning = await warningsOf(KINDS['pod']?.({ annotation: 'y'.repeat(200) }) ?? {});
  expect(warning).toContain(`"${'y'.repeat(32)}…"`);
});
