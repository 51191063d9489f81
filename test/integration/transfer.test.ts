import { beforeAll, describe, expect, test } from 'vitest';
import { findByMac } from '../../ledger/address/find.ts';
import { mac } from '../../mac/mac-address.ts';
import { eventually } from '../env/run/eventually.ts';
import { auditOf, installedEnvOfThisFile } from './installed-env.ts';

/* Claims that hand their addresses over, on a real API server with its policies, an operator and a ledger. */

const installed = installedEnvOfThisFile({ webhooks: 0 });
const TRANSFER_TO = 'mac.rock-os.io/transfer-to';
const OVERRIDE = 'mac.rock-os.io/override-reuse-delay';

interface ClaimOptions {
  readonly spec?: Record<string, unknown>;
  readonly annotations?: Record<string, string>;
}

function aClaim(namespace: string, name: string, { spec = {}, annotations = {} }: ClaimOptions = {}): string {
  return JSON.stringify({
    apiVersion: 'mac.rock-os.io/v1alpha1',
    kind: 'MacAllocation',
    metadata: { namespace, name, annotations },
    spec: { pool: 'development', ...spec },
  });
}

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input });
}

async function create(...args: Parameters<typeof aClaim>): Promise<void> {
  await kubectl(['create', '-f', '-'], aClaim(...args));
}

const field = (namespace: string, name: string, path: string) =>
  kubectl(['get', 'macallocation', name, '-n', namespace, '-o', `jsonpath={${path}}`]);

async function waitUntil(namespace: string, name: string, reason: string): Promise<void> {
  const ready = `jsonpath={.status.conditions[?(@.type=="Ready")].reason}`;
  await kubectl(['wait', '-n', namespace, `--for=${ready}=${reason}`, `macallocation/${name}`, '--timeout=30s']);
}

/** Creates a claim and returns its address. */
async function hold(...[namespace, name, options]: Parameters<typeof aClaim>): Promise<string> {
  await create(namespace, name, options);
  await waitUntil(namespace, name, 'Allocated');
  return await field(namespace, name, '.status.mac');
}

async function waitUntilDeleted(namespace: string, name: string): Promise<void> {
  await kubectl(['wait', '-n', namespace, '--for=delete', `macallocation/${name}`, '--timeout=30s']);
}

const consent = (namespace: string, name: string, target: string) =>
  kubectl(['annotate', '--overwrite', 'macallocation', name, '-n', namespace, `${TRANSFER_TO}=${target}`]);

beforeAll(async () => {
  await kubectl(['delete', 'mutatingwebhookconfigurations,validatingwebhookconfigurations', '--all']);
  for (const namespace of ['old', 'new', 'thieves']) await kubectl(['create', 'namespace', namespace]);
});

describe('a claim that another claim hands over', () => {
  test.each(['consents first', 'is asked first'])('gets the address in one change, if the owner %s', async (order) => {
    const { ledger } = installed();
    const name = order.replaceAll(' ', '-');
    const address = await hold('old', name, { spec: { device: { id: 'vm-1' } } });
    const steps = [
      () => consent('old', name, `new/${name}`),
      () => create('new', name, { spec: { requestedMac: address, device: { id: 'vm-2' } } }),
    ];
    if (order === 'is asked first') {
      await steps[1]?.();
      await waitUntil('new', name, 'RequestedMacInUse');
      await steps[0]?.();
    } else for (const step of steps) await step();
    await waitUntil('new', name, 'Allocated');
    await waitUntilDeleted('old', name);
    expect(await field('new', name, '.status.mac')).toBe(address);
    expect(await findByMac(ledger, mac(address))).toMatchObject({
      ...{ state: 'active', generation: 2, device: { id: 'vm-2' } },
      owner: { kind: 'MacAllocation', namespace: 'new', name },
    });
    const audit = await auditOf(ledger, address);
    expect(audit.map(({ action, generation, reason }) => [action, generation, reason])).toEqual([
      ['allocate', 1, 'claim'],
      ['transfer', 2, `handed over by MacAllocation old/${name}`],
    ]);
    expect(await field('new', name, '.status.ledger.generation')).toBe('2');
    await kubectl(['delete', 'macallocation', name, '-n', 'new']);
    expect((await findByMac(ledger, mac(address)))?.state).toBe('released');
  });

  test('that is reserved stays reserved, and is not handed to one that reserves nothing', async () => {
    const { ledger } = installed();
    const address = await hold('old', 'host', { spec: { pool: 'reserved', reserved: true } });
    await consent('old', 'host', 'new/host');
    await create('new', 'host', { spec: { pool: 'reserved', requestedMac: address } });
    await waitUntil('new', 'host', 'InvalidSpec');
    expect((await findByMac(ledger, mac(address)))?.owner?.namespace).toBe('old');
    await kubectl(['delete', 'macallocation', 'host', '-n', 'new']);
    await create('new', 'host', { spec: { pool: 'reserved', requestedMac: address, reserved: true } });
    await waitUntil('new', 'host', 'Allocated');
    await waitUntilDeleted('old', 'host');
    expect(await findByMac(ledger, mac(address))).toMatchObject({ state: 'reserved', owner: { namespace: 'new' } });
  });

  test('gets it when the pod that uses it is deleted, and not before', async () => {
    const { ledger } = installed();
    const address = await hold('old', 'busy');
    const pod = {
      ...{ apiVersion: 'v1', kind: 'Pod' },
      metadata: {
        ...{ namespace: 'old', name: 'user' },
        annotations: { 'k8s.v1.cni.cncf.io/networks': JSON.stringify([{ name: 'blue', mac: address }]) },
      },
      spec: { containers: [{ name: 'main', image: 'example.invalid/none' }] },
    };
    await kubectl(['create', '-f', '-'], JSON.stringify(pod));
    await kubectl(['wait', '-n', 'old', '--for=jsonpath={.status.consumer.name}=user', 'ma/busy', '--timeout=30s']);
    await consent('old', 'busy', 'new/busy');
    await create('new', 'busy', { spec: { requestedMac: address } });
    await waitUntil('new', 'busy', 'RequestedMacInUse');
    await eventually(async () => {
      const message = await field('new', 'busy', '.status.conditions[?(@.type=="Ready")].message');
      expect(message).toBe(
        `MacAllocation old/busy hands ${address} over, but something still uses it. Delete the pod or virtual machine that its status.consumer names`,
      );
    });
    expect((await findByMac(ledger, mac(address)))?.owner?.namespace).toBe('old');
    await kubectl(['delete', 'pod', 'user', '-n', 'old', '--grace-period=0', '--force']);
    await waitUntil('new', 'busy', 'Allocated');
    await waitUntilDeleted('old', 'busy');
  });
});

describe('nobody gets the address of a claim', () => {
  test('that names another one, or another namespace, or nobody', async () => {
    const { ledger } = installed();
    const address = await hold('old', 'victim');
    await create('thieves', 'new-name', { spec: { requestedMac: address } });
    await waitUntil('thieves', 'new-name', 'RequestedMacInUse');
    await consent('old', 'victim', 'new/new-name');
    await create('new', 'other', { spec: { requestedMac: address } });
    await waitUntil('new', 'other', 'RequestedMacInUse');
    // A claim may say of itself what it wants: the consent of the owner counts.
    await kubectl(['annotate', 'macallocation', 'new-name', '-n', 'thieves', `${TRANSFER_TO}=thieves/new-name`]);
    expect(await field('thieves', 'new-name', '.status.conditions[?(@.type=="Ready")].message')).not.toContain('old');
    expect((await findByMac(ledger, mac(address)))?.owner).toMatchObject({ namespace: 'old', name: 'victim' });
    await kubectl(['delete', 'macallocations', '--all', '-n', 'thieves']);
    await kubectl(['delete', 'macallocations', '--all', '-n', 'new']);
  });

  test('by setting the annotation without the right to delete the claim', async () => {
    const { plane } = installed();
    await hold('old', 'guarded');
    const rules = [{ apiGroups: ['mac.rock-os.io'], resources: ['macallocations'], verbs: ['get', 'patch', 'create'] }];
    const role = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRole',
      metadata: { name: 'patcher' },
      rules,
    };
    await kubectl(['create', '-f', '-'], JSON.stringify(role));
    await kubectl(['create', 'rolebinding', 'pat', '--clusterrole=patcher', '--user=pat', '-n', 'old']);
    const pat = ['--kubeconfig', await plane.userKubeconfig('pat'), '-n', 'old', 'annotate', 'ma', 'guarded'];
    await eventually(() => kubectl([...pat, 'note=mine', '--overwrite']), { within: 20_000, every: 200 });
    await expect(kubectl([...pat, `${TRANSFER_TO}=new/guarded`])).rejects.toThrow(
      /User "pat" may not delete MacAllocation "guarded" in namespace "old", so they may not hand its address over/,
    );
    await expect(kubectl([...pat, `${OVERRIDE}=true`])).rejects.toThrow(
      /User "pat" may not use MacPool "development" in namespace "old", so they may not override its reuse delay/,
    );
    // Who changes something else, or takes the consent back, is not asked.
    await consent('old', 'guarded', 'new/guarded');
    await kubectl([...pat, 'note=again', '--overwrite']);
    await kubectl([...pat, `${TRANSFER_TO}-`]);
  });
});

test('a claim gets a released address inside its reuse delay if its author overrides the delay, and the audit shows it', async () => {
  const { ledger } = installed();
  const address = await hold('old', 'gone');
  await kubectl(['delete', 'macallocation', 'gone', '-n', 'old']);
  const spec = { requestedMac: address };
  await create('new', 'late', { spec });
  await waitUntil('new', 'late', 'RequestedMacInUse');
  await create('new', 'hurried', { spec, annotations: { [OVERRIDE]: 'true' } });
  await waitUntil('new', 'hurried', 'Allocated');
  expect((await auditOf(ledger, address)).map(({ action, reason }) => [action, reason]).at(-1)).toEqual([
    'allocate',
    'reuse delay overridden',
  ]);
});

test('the API server finds no type error in the policy', async () => {
  await eventually(
    async () => {
      const checked = await kubectl([
        'get',
        'validatingadmissionpolicy',
        'rock-mac-handover',
        '-o',
        'jsonpath={.status.typeChecking}',
      ]);
      expect(checked).toBe('{}');
    },
    { within: 20_000, every: 500 },
  );
});
