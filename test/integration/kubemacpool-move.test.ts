import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { mac } from '../../mac/mac-address.ts';
import { startTestEnv, type TestEnv } from '../env/env.ts';
import { install, type Installation } from '../env/installation.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { machine, machineNic, macsOfMachine, networkPod } from './kubemacpool-shapes.ts';
import { openShell, type RockMacShell } from './rock-mac-shell.ts';

/*
 * Walks docs/coming-from-kubemacpool.md: its runnable blocks, unchanged and in their order, in a cluster with the objects that
 * kubemacpool's manifests install, in opt-in mode, and machines as it leaves them. kubemacpool itself does not run. Its webhook is called
 * before ours, so a machine that it has seen comes with an address, as in a manifest.
 */

const FINALIZER = 'k8s.v1.cni.cncf.io/kubeMacPool';
const within = { within: 40_000, every: 200 };

let testEnv: TestEnv;
let shell: RockMacShell;
let ledger: LedgerClient;
let ledgerUrl: string;
let installation: Installation | undefined;
let walk: (heading: string) => Promise<string>;

const kubectl = (args: readonly string[], input?: object) =>
  testEnv.controlPlane.kubectl(args, input === undefined ? {} : { input: JSON.stringify(input) });
const create = (namespace: string, object: object) =>
  kubectl(['create', '-n', namespace, '-f', '-', '-o', 'json'], object);
const addressesOf = async (name: string) =>
  macsOfMachine(await kubectl(['get', 'vm', name, '-n', 'vms', '-o', 'json']));

async function untilOwned(address: string, name: string): Promise<void> {
  await eventually(async () => {
    const row = await findByMac(ledger, mac(address));
    expect(row).toMatchObject({ state: 'active', owner: { kind: 'VirtualMachine', name } });
  }, within);
}

beforeAll(async () => {
  testEnv = await startTestEnv({ postgres: { fsync: false } });
  const { binaries, kubeconfig } = testEnv.controlPlane;
  await installForeignCrds(testEnv.controlPlane.kubectl);
  for (const object of PREDECESSOR) await kubectl(['create', '-f', '-'], object);
  await eventually(() => kubectl(['get', 'serviceaccount', 'default', '-n', 'vms']), within);
  const transaction = { 'kubemacpool.io/transaction-timestamp': '2026-08-04T10:00:00.000000001Z' };
  const old = { annotations: transaction, finalizers: ['example.org/other', FINALIZER] };
  await create(
    'vms',
    machine('old', [machineNic('red', '02:00:00:00:00:00'), machineNic('blue', '02-00-00-00-00-01')], old),
  );
  await create('unmanaged', machine('stray', [machineNic('red', '02:00:00:00:00:02')]));

  ledgerUrl = await testEnv.postgres.createDatabase('rock_mac');
  ledger = openLedger({
    url: ledgerUrl,
    applicationName: 'test',
    max: 2,
    connectTimeoutMs: 5_000,
    statementTimeoutMs: 10_000,
  });
  shell = await openShell({
    ROCK_MAC_LEDGER_URL: ledgerUrl,
    KUBECONFIG: kubeconfig,
    KUBECTL: path.dirname(binaries.kubectl),
  });
  const page = await runnableBlocks();
  walk = async (heading) => {
    const outputs = [];
    for (const block of page.filter((each) => each.heading === heading)) {
      const { code, stdout, stderr } = await shell.bash(`set -euo pipefail; PATH="$PATH:$KUBECTL"\n${block.script}`);
      expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
      outputs.push(stdout);
    }
    expect(outputs, `there is no runnable block below "${heading}"`).not.toEqual([]);
    return outputs.join('\n');
  };
});

afterAll(async () => {
  await installation?.close();
  await ledger.close();
  await shell.close();
  await testEnv.close();
});

test('the range becomes a pool', async () => {
  await walk('1. The range');
  expect((await shell.rockMac('pool', 'list')).stdout).toMatch(/kubemacpool .*02:00:00:00:00:00.* 02:ff:ff:ff:ff:ff/);
});

test(
  'the installation records the machines that exist, and they keep their addresses',
  { timeout: 180_000 },
  async () => {
    installation = await install({
      testEnv,
      ledgerUrl,
      env: { ROCK_MAC_WORKLOAD_POOL: 'kubemacpool', ROCK_MAC_RESYNC_SECONDS: '10' },
    });
    await kubectl(['wait', '--for=create', 'macpool/kubemacpool', '--timeout=30s']);
    await kubectl(['wait', '--for=condition=Ready', 'macpool/kubemacpool', '--timeout=30s']);
    await untilOwned('02:00:00:00:00:00', 'old');
    await untilOwned('02:00:00:00:00:02', 'stray');
    await create('unmanaged', machine('later', [machineNic('red', '02:00:00:00:00:03')]));
    const listed = await walk('2. Install beside it');
    expect(listed).toMatch(/02:00:00:00:00:01/);
    await untilOwned('02:00:00:00:00:03', 'later');
    expect(await addressesOf('old')).toEqual(['02:00:00:00:00:00', '02-00-00-00-00-01']);
  },
);

test('while both run, the address that kubemacpool wrote is recorded, and refused if another machine has it', async () => {
  await walk('3. A period with both');
  await eventually(async () => {
    const shown = await kubectl([
      'get',
      'ns',
      'vms',
      'ignored',
      '-o',
      'jsonpath={.items[*].metadata.labels.mac\\.rock-os\\.io/inject}',
    ]);
    expect(shown).toBe('enabled disabled');
  }, within);
  const written = machine('both', [machineNic('red', '02:00:00:00:00:04')]);
  expect(macsOfMachine(await eventually(() => create('vms', written), within))).toEqual(['02:00:00:00:00:04']);
  await untilOwned('02:00:00:00:00:04', 'both');
  await expect(create('vms', machine('twice', [machineNic('red', '02:00:00:00:00:03')]))).rejects.toThrow(/held by/);
  expect(macsOfMachine(await create('ignored', machine('none', [machineNic('red')])))).toEqual([undefined]);
});

test('after the end of kubemacpool, rock-mac chooses addresses that no machine has', async () => {
  await walk('4. Switch it off');
  await expect(kubectl(['get', 'mutatingwebhookconfiguration', 'kubemacpool-mutator'])).rejects.toThrow(/not found/);
  const [chosen = ''] = macsOfMachine(await create('vms', machine('new', [machineNic('red')])));
  expect(chosen).toMatch(/^02:00:00:00:00:/);
  expect(Number.parseInt(chosen.slice(-2), 16)).toBeGreaterThan(4);
  expect(await create('vms', networkPod('pod'))).toMatch(/02:00:00:/);
});

test('its finalizer, labels and annotation are removed, and an old machine can be deleted', async () => {
  await walk('5. Remove what it left');
  const { metadata } = JSON.parse(await kubectl(['get', 'vm', 'old', '-n', 'vms', '-o', 'json'])) as {
    readonly metadata: { readonly finalizers: readonly string[]; readonly annotations?: object };
  };
  expect(metadata.finalizers).toEqual(['example.org/other']);
  expect(JSON.stringify(metadata.annotations ?? {})).not.toContain('kubemacpool');
  expect(await kubectl(['get', 'namespaces', '-o', 'json'])).not.toMatch(
    /mutatevirtualmachines\.kubemacpool|io\/adopt/,
  );
  await kubectl(['patch', 'vm', 'old', '-n', 'vms', '--type=merge', '-p', '{"metadata":{"finalizers":null}}']);
  await kubectl(['delete', 'vm', 'old', '-n', 'vms']);
  await eventually(async () => {
    expect((await findByMac(ledger, mac('02:00:00:00:00:00')))?.state).toBe('released');
  }, within);
});

const VMS = 'mutatevirtualmachines.kubemacpool.io';
const PODS = 'mutatepods.kubemacpool.io';
const namespace = (name: string, labels: Record<string, string> = {}) => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name, labels },
});

/** What its manifests install, as far as it concerns the page, and namespaces as its users label them. */
const PREDECESSOR: readonly object[] = [
  namespace('kubemacpool-system', { 'control-plane': 'mac-controller-manager', [PODS]: 'ignore' }),
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'kubemacpool-mac-range-config', namespace: 'kubemacpool-system' },
    data: { RANGE_START: '02:00:00:00:00:00', RANGE_END: '02:FF:FF:FF:FF:FF' },
  },
  {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: { name: 'kubemacpool-mutator' },
    webhooks: [
      {
        name: VMS,
        admissionReviewVersions: ['v1'],
        sideEffects: 'NoneOnDryRun',
        failurePolicy: 'Ignore', // nobody answers here
        timeoutSeconds: 1,
        clientConfig: {
          service: { name: 'kubemacpool-service', namespace: 'kubemacpool-system', path: '/mutate-virtualmachines' },
        },
        namespaceSelector: { matchExpressions: [{ key: VMS, operator: 'In', values: ['allocate'] }] },
        rules: [
          {
            apiGroups: ['kubevirt.io'],
            apiVersions: ['v1'],
            operations: ['CREATE', 'UPDATE'],
            resources: ['virtualmachines'],
          },
        ],
      },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRole',
    metadata: { name: 'kubemacpool-manager-role' },
    rules: [
      {
        apiGroups: ['kubevirt.io'],
        resources: ['virtualmachines'],
        verbs: ['get', 'list', 'watch', 'update', 'patch'],
      },
    ],
  },
  {
    apiVersion: 'rbac.authorization.k8s.io/v1',
    kind: 'ClusterRoleBinding',
    metadata: { name: 'kubemacpool-manager-rolebinding' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'kubemacpool-manager-role' },
    subjects: [{ kind: 'ServiceAccount', name: 'default', namespace: 'kubemacpool-system' }],
  },
  namespace('vms', { [VMS]: 'allocate', [PODS]: 'allocate' }),
  namespace('ignored', { [VMS]: 'ignore' }),
  namespace('unmanaged'),
];

interface Block {
  readonly heading: string;
  readonly script: string;
}

async function runnableBlocks(): Promise<readonly Block[]> {
  const file = path.join(import.meta.dirname, '..', '..', 'docs', 'coming-from-kubemacpool.md');
  const blocks: Block[] = [];
  let heading = '';
  const parts = /^#+ ([^\n]+)$|^```sh runnable\n(.*?)^```$|^```.*?^```$/gms;
  for (const [, title, script] of (await readFile(file, 'utf8')).matchAll(parts)) {
    heading = title ?? heading;
    if (script !== undefined) blocks.push({ heading, script });
  }
  return blocks;
}
