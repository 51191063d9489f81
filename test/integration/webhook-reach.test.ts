import path from 'node:path';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { helmFor, resolveHelm } from '../env/programs/helm.ts';
import { eventually } from '../env/run/eventually.ts';
import { logToStderr } from '../env/run/run.ts';
import { installedEnvOfThisFile } from './installed-env.ts';

/*
 * Tests which objects the API server sends to the webhook. An object that it does not send cannot be refused by an outage
 * of the webhook. Nearly all requests are dry runs, for which the same conditions hold and which leave nothing behind.
 */

const installed = installedEnvOfThisFile();
const REVIEWS = 'rockmac_admission_reviews_total';
const INJECT = 'mac.rock-os.io/inject';
const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
const SYSTEM = 'rock-mac-system';
const MERGE = 'merge';

type Stored = z.infer<typeof loose>;
const loose = z.looseObject({ metadata: objectMeta });

function kind(group: string, version: string, plural: string, name: string): Resource<Stored> {
  return { group, version, plural, kind: name, namespaced: true, schema: loose };
}

const pods = kind('', 'v1', 'pods', 'Pod');
const replicaSets = kind('apps', 'v1', 'replicasets', 'ReplicaSet');
const machines = kind('kubevirt.io', 'v1', 'virtualmachines', 'VirtualMachine');
const instances = kind('kubevirt.io', 'v1', 'virtualmachineinstances', 'VirtualMachineInstance');
const claims = kind('mac.rock-os.io', 'v1alpha1', 'macallocations', 'MacAllocation');

let admin: KubeClient;
let operator: KubeClient;

beforeAll(async () => {
  const { plane } = installed();
  await installForeignCrds(plane.kubectl);
  const open = (kubeconfig: string) =>
    createKubeClient({ userAgent: 'test', kubeconfig, logger: pino({ enabled: false }) });
  admin = open(plane.kubeconfig);
  operator = open(await plane.serviceAccountKubeconfig(SYSTEM, 'rock-mac-operator'));
  // The label has no effect on exempt namespaces.
  for (const name of ['kube-system', SYSTEM]) await plane.kubectl(['label', 'namespace', name, `${INJECT}=enabled`]);
  for (const [name, label] of [
    ['labelled', 'enabled'],
    ['mislabelled', 'maybe'],
    ['worded', 'Yes'],
    ['plain', undefined],
  ]) {
    await plane.kubectl(['create', 'namespace', name ?? '']);
    if (label !== undefined) await plane.kubectl(['label', 'namespace', name ?? '', `${INJECT}=${label}`]);
  }
  await eventually(() => dryCreate(pods, 'labelled', pod()), { within: 20_000 });
  for (const [resource, namespace, object] of STORED) await admin.create(resource, { ...object }, { namespace });
  await admin.delete(pods, { namespace: 'labelled', name: 'going' });
  await admin.delete(machines, { namespace: 'labelled', name: 'going' });
  await admin.delete(claims, { namespace: 'plain', name: 'going' });
});

afterAll(async () => {
  await Promise.all([admin.close(), operator.close()]);
});

function pod(annotations?: Record<string, string>, rest: { metadata?: object; spec?: object } = {}): NewObject {
  return {
    metadata: { name: 'new', ...(annotations !== undefined && { annotations }), ...rest.metadata },
    spec: { containers: [{ name: 'main', image: 'example.invalid/none' }], ...rest.spec },
  };
}

function devices(macAddress?: string, ...more: string[]) {
  const [first, ...others] = ['blue', ...more].map((name) => ({ name, bridge: {} }));
  return { interfaces: [{ ...first, ...(macAddress !== undefined && { macAddress }) }, ...others] };
}

function machine(annotations?: Record<string, string>, spec: object = {}, metadata: object = {}): NewObject {
  return {
    metadata: { name: 'new', ...(annotations !== undefined && { annotations }), ...metadata },
    spec: {
      template: {
        spec: { domain: { devices: devices() }, networks: [{ name: 'blue', multus: { networkName: 'blue' } }] },
      },
      ...spec,
    },
  };
}

function twoNics(name: string): NewObject {
  const networks = ['blue', 'red'].map((each) => ({ name: each, multus: { networkName: each } }));
  const template = { spec: { domain: { devices: devices(undefined, 'red') }, networks } };
  return machine({}, { running: true, template }, { name });
}

function instance(annotations?: Record<string, string>, metadata: object = {}): NewObject {
  return {
    metadata: { name: 'new', ...(annotations !== undefined && { annotations }), ...metadata },
    spec: { domain: { devices: devices() } },
  };
}

function claim(name: string, metadata: object = {}, spec: object = {}): NewObject {
  return { metadata: { name, ...metadata }, spec: { pool: 'kubernetes', ...spec } };
}

const ASKS = { [INJECT]: 'true' };
const REFUSES = { [INJECT]: 'false' };
const HELD = { finalizers: ['example.com/hold'] };

/** The objects that are stored before the tests, each with a name that says what it is for. */
const STORED: readonly (readonly [Resource<Stored>, string, NewObject])[] = [
  [pods, 'labelled', pod({ [NETWORKS]: 'blue' }, { metadata: { name: 'stored' } })],
  [pods, 'labelled', pod({ [NETWORKS]: 'blue' }, { metadata: { name: 'going', ...HELD } })],
  [pods, 'labelled', pod({}, { metadata: { name: 'host' }, spec: { hostNetwork: true } })],
  [pods, 'plain', pod({ ...ASKS, [NETWORKS]: 'blue' }, { metadata: { name: 'stored' } })],
  [pods, 'plain', pod({ [NETWORKS]: 'blue' }, { metadata: { name: 'stranger' } })],
  [machines, 'labelled', machine({}, { running: true }, { name: 'stored' })],
  [machines, 'labelled', machine({}, { running: false }, { name: 'off' })],
  [machines, 'labelled', machine({}, { runStrategy: 'Halted' }, { name: 'halted' })],
  [machines, 'labelled', machine(REFUSES, { running: false }, { name: 'bare' })],
  [machines, 'labelled', machine(REFUSES, { runStrategy: 'Halted' }, { name: 'bare-too' })],
  [machines, 'labelled', twoNics('grown')],
  [machines, 'labelled', machine({}, { running: true }, { name: 'going', ...HELD })],
  [machines, 'plain', machine(ASKS, { running: true }, { name: 'stored' })],
  [machines, 'plain', machine({}, { running: false }, { name: 'stranger' })],
  [instances, 'labelled', instance({}, { name: 'stored' })],
  [claims, 'plain', claim('stored')],
  [claims, 'plain', claim('going', HELD)],
];

async function dryCreate(resource: Resource<Stored>, namespace: string, object: NewObject, as = admin) {
  await as.create(resource, object, { namespace, dryRun: true });
}

function creates(resource: Resource<Stored>, namespace: string, object: NewObject) {
  return () => dryCreate(resource, namespace, object);
}

function updates(resource: Resource<Stored>, namespace: string, name: string, body: object, subresource?: string) {
  return () => admin.patch(resource, { namespace, name }, { type: MERGE, body }, { dryRun: true, subresource });
}

function deletes(resource: Resource<Stored>, namespace: string, name: string, as: () => KubeClient = () => admin) {
  return () => as().delete(resource, { namespace, name }, { dryRun: true });
}

function owned(apiVersion: string, ownerKind: string, controller = true) {
  return { ownerReferences: [{ apiVersion, kind: ownerKind, name: 'o', uid: 'u-1', controller }] };
}

/** The metadata of a pod in which KubeVirt attaches a volume to a running machine. The machine's pod controls it. */
function attachment(labels: Record<string, string> = { 'kubevirt.io': 'hotplug-disk' }, controller = true) {
  return { labels, ...owned('v1', 'Pod', controller) };
}

function annotated(annotations: Record<string, string | null>) {
  return { metadata: { annotations } };
}

function interfaces(...args: Parameters<typeof devices>) {
  return { spec: { template: { spec: { domain: { devices: devices(...args) } } } } };
}

const MIRROR = { 'kubernetes.io/config.mirror': 'x' };
const ON_NODE = { nodeName: 'none' };
const LAUNCHED = owned('kubevirt.io/v1', 'VirtualMachineInstance');

type Case = readonly [what: string, send: () => Promise<unknown>];

const REACHING: readonly Case[] = [
  ['a pod that asks', creates(pods, 'plain', pod(ASKS))],
  ['a pod that asks, in a namespace with another value of the label', creates(pods, 'mislabelled', pod(ASKS))],
  ['a pod that asks in another word', creates(pods, 'plain', pod({ [INJECT]: ' Yes' }))],
  ['a pod without any annotations in a namespace that opted in', creates(pods, 'labelled', pod())],
  ['a pod in a namespace that opted in by another word', creates(pods, 'worded', pod())],
  ['a pod with only networks in a namespace that opted in', creates(pods, 'labelled', pod({ [NETWORKS]: 'blue' }))],
  ['a pod that asks in a namespace that opted in', creates(pods, 'labelled', pod(ASKS))],
  ['a pod that says it is not on the host', creates(pods, 'labelled', pod({}, { spec: { hostNetwork: false } }))],
  ['a pod of a ReplicaSet', creates(pods, 'labelled', pod({}, { metadata: owned('apps/v1', 'ReplicaSet') }))],
  [
    'a pod without a name yet',
    creates(pods, 'labelled', pod({}, { metadata: { name: undefined, generateName: 'new-' } })),
  ],
  [
    'a pod that only has the label of a launcher',
    creates(pods, 'labelled', pod({}, { metadata: { labels: { 'kubevirt.io': 'virt-launcher' } } })),
  ],
  ['a pod whose networks change', updates(pods, 'labelled', 'stored', annotated({ [NETWORKS]: 'red' }))],
  ['a pod whose networks are taken away', updates(pods, 'labelled', 'stored', annotated({ [NETWORKS]: null }))],
  ['a pod that asked and whose networks change', updates(pods, 'plain', 'stored', annotated({ [NETWORKS]: 'red' }))],
  [
    'a pod whose network in the place of the cluster’s changes',
    updates(pods, 'labelled', 'stored', annotated({ 'v1.multus-cni.io/default-network': 'own' })),
  ],
  [
    'a pod of which only the addresses change, which its author does not write',
    updates(pods, 'labelled', 'stored', annotated({ 'mac.rock-os.io/addresses': '[]' })),
  ],
  [
    'a pod that says it belongs to an instance of another group',
    creates(pods, 'labelled', pod({}, { metadata: owned('made.up/v1', 'VirtualMachineInstance') })),
  ],
  [
    'a pod that belongs to an instance without being controlled by it',
    creates(pods, 'labelled', pod({}, { metadata: owned('kubevirt.io/v1', 'VirtualMachineInstance', false) })),
  ],
  [
    'a pod from which the request and the addresses are taken at once',
    updates(pods, 'plain', 'stored', annotated({ [NETWORKS]: 'blue', [INJECT]: null })),
  ],
  ['a VM in a namespace that opted in', creates(machines, 'labelled', machine())],
  ['a VM that asks', creates(machines, 'plain', machine(ASKS))],
  ['a VM without a template', creates(machines, 'labelled', { metadata: { name: 'new' }, spec: {} })],
  ['a VM with one interface more', updates(machines, 'labelled', 'stored', interfaces(undefined, 'red'))],
  ['a VM whose MAC changes', updates(machines, 'labelled', 'stored', interfaces('02:00:00:00:00:01'))],
  [
    'a VM with an interface less, of which another lost its address',
    updates(machines, 'labelled', 'grown', interfaces()),
  ],
  [
    'a VM without an address that is started',
    updates(machines, 'labelled', 'bare', { ...annotated({ [INJECT]: null }), spec: { running: true } }),
  ],
  [
    'a VM without an address that is started by its strategy',
    updates(machines, 'labelled', 'bare-too', { ...annotated({ [INJECT]: null }), spec: { runStrategy: 'Always' } }),
  ],
  [
    'a pod with the label of a volume and without its machine',
    creates(pods, 'labelled', pod({}, { metadata: { labels: { 'kubevirt.io': 'hotplug-disk' } } })),
  ],
  ['a pod that another pod controls', creates(pods, 'labelled', pod({}, { metadata: attachment({}) }))],
  [
    'a pod with the label of a volume that another pod only owns',
    creates(pods, 'labelled', pod({}, { metadata: attachment(undefined, false) })),
  ],
  [
    'a pod for a volume with a network',
    creates(pods, 'labelled', pod({ [NETWORKS]: 'blue' }, { metadata: attachment() })),
  ],
  [
    'a VM that its pool overwrites, annotations and all',
    updates(machines, 'plain', 'stored', { ...annotated({ [INJECT]: null }), ...interfaces('02:00:00:00:00:02') }),
  ],
  ['an instance without a VM', creates(instances, 'labelled', instance())],
  ['an instance that asks', creates(instances, 'plain', instance(ASKS))],
  [
    'an instance with a machine of another group',
    creates(instances, 'labelled', instance({}, owned('made.up/v1', 'VirtualMachine'))),
  ],
  [
    'an instance of a replica set',
    creates(
      instances,
      'labelled',
      instance(
        {},
        { name: undefined, generateName: 'r-', ...owned('kubevirt.io/v1', 'VirtualMachineInstanceReplicaSet') },
      ),
    ),
  ],
  ['a claim', creates(claims, 'plain', claim('new'))],
  ['a claim in a namespace that is never touched otherwise', creates(claims, 'kube-system', claim('new'))],
  [
    'a claim whose stamp is left out by who replaces it',
    updates(claims, 'plain', 'stored', { spec: { requester: null } }),
  ],
  ['the deletion of a claim', deletes(claims, 'plain', 'stored')],
];

const PASSING_BY: readonly Case[] = [
  ['a pod without any annotations', creates(pods, 'plain', pod())],
  ['a pod with other annotations', creates(pods, 'plain', pod({ a: 'b' }))],
  ['a pod with networks', creates(pods, 'plain', pod({ [NETWORKS]: 'blue' }))],
  ['a pod with a claim that does not ask', creates(pods, 'plain', pod({ 'mac.rock-os.io/allocation': 'c' }))],
  ['a pod that says no', creates(pods, 'plain', pod(REFUSES))],
  ['a pod that says something else', creates(pods, 'plain', pod({ [INJECT]: 'maybe' }))],
  [
    'a pod with the label of namespaces',
    creates(pods, 'plain', pod({}, { metadata: { labels: { [INJECT]: 'enabled' } } })),
  ],
  ['a pod in a namespace with another value of the label', creates(pods, 'mislabelled', pod())],
  ['a pod that says no in a namespace that opted in', creates(pods, 'labelled', pod(REFUSES))],
  ['a pod that asks in kube-system', creates(pods, 'kube-system', pod(ASKS))],
  ['a pod without annotations in kube-system, labelled as it is', creates(pods, 'kube-system', pod())],
  [
    'a pod that asks in the namespace of rock-mac itself',
    creates(
      pods,
      SYSTEM,
      pod(ASKS, {
        spec: {
          securityContext: { runAsNonRoot: true, runAsUser: 1, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [
            {
              name: 'main',
              image: 'example.invalid/none',
              securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
            },
          ],
        },
      }),
    ),
  ],
  ['a mirror pod', creates(pods, 'labelled', pod(MIRROR, { spec: ON_NODE }))],
  ['a mirror pod that asks', creates(pods, 'plain', pod({ ...MIRROR, ...ASKS }, { spec: ON_NODE }))],
  ['a pod on the host network', creates(pods, 'labelled', pod({}, { spec: { hostNetwork: true } }))],
  ['a pod on the host network that asks', creates(pods, 'plain', pod(ASKS, { spec: { hostNetwork: true } }))],
  ['a launcher pod', creates(pods, 'labelled', pod({}, { metadata: LAUNCHED }))],
  ['a launcher pod with the annotations of its machine', creates(pods, 'plain', pod(ASKS, { metadata: LAUNCHED }))],
  ['a pod for a volume of a running VM', creates(pods, 'labelled', pod({}, { metadata: attachment() }))],
  ['a pod whose labels change', updates(pods, 'labelled', 'stored', { metadata: { labels: { a: 'b' } } })],
  ['a pod whose other annotations change', updates(pods, 'labelled', 'stored', annotated({ a: 'b' }))],
  [
    'a pod that opts out while its networks change',
    updates(pods, 'labelled', 'stored', annotated({ ...REFUSES, [NETWORKS]: 'red' })),
  ],
  [
    'the status of a pod, annotations and all',
    updates(pods, 'labelled', 'stored', annotated({ [NETWORKS]: 'red' }), 'status'),
  ],
  [
    'a pod that is being deleted and whose networks change',
    updates(pods, 'labelled', 'going', annotated({ [NETWORKS]: 'red' })),
  ],
  [
    'a pod that is being deleted and whose finalizer goes',
    updates(pods, 'labelled', 'going', { metadata: { finalizers: null } }),
  ],
  [
    'a pod on the host network whose networks change',
    updates(pods, 'labelled', 'host', annotated({ [NETWORKS]: 'red' })),
  ],
  ['a stranger whose networks change', updates(pods, 'plain', 'stranger', annotated({ [NETWORKS]: 'red' }))],
  ['the deletion of a pod', deletes(pods, 'labelled', 'stored')],
  [
    'a ReplicaSet, whose pods will come by themselves',
    creates(replicaSets, 'labelled', {
      metadata: { name: 'new', annotations: ASKS },
      spec: {
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' }, annotations: ASKS }, spec: pod()['spec'] },
      },
    }),
  ],
  ['a VM', creates(machines, 'plain', machine())],
  ['a VM that says no', creates(machines, 'labelled', machine(REFUSES))],
  ['a VM that asks in kube-system', creates(machines, 'kube-system', machine(ASKS))],
  ['a VM whose labels change', updates(machines, 'labelled', 'stored', { metadata: { labels: { a: 'b' } } })],
  [
    'a VM that gets more memory',
    updates(machines, 'labelled', 'stored', { spec: { template: { spec: { domain: { head: { guest: '2Gi' } } } } } }),
  ],
  [
    'a VM whose networks change and whose interfaces do not',
    updates(machines, 'labelled', 'stored', {
      spec: { template: { spec: { networks: [{ name: 'blue', pod: {} }] } } },
    }),
  ],
  [
    'a VM whose interfaces are taken away',
    updates(machines, 'labelled', 'stored', {
      spec: { template: { spec: { domain: { devices: { interfaces: [] } } } } },
    }),
  ],
  ['a VM with its addresses that is started', updates(machines, 'labelled', 'off', { spec: { running: true } })],
  [
    'a VM with its addresses that is started by its strategy',
    updates(machines, 'labelled', 'halted', { spec: { runStrategy: 'Always' } }),
  ],
  [
    'a VM that is started and whose only interface gets no address',
    updates(machines, 'labelled', 'bare', {
      ...annotated({ [INJECT]: null }),
      spec: { running: true, template: { spec: { networks: [{ name: 'blue', pod: {} }] } } },
    }),
  ],
  [
    'what virt-controller adds to a new VM',
    updates(machines, 'labelled', 'stored', {
      metadata: {
        finalizers: ['kubevirt.io/virtualMachineControllerFinalize'],
        annotations: { 'kubevirt.io/latest-observed-api-version': 'v1' },
      },
    }),
  ],
  ['a VM that is stopped', updates(machines, 'labelled', 'stored', { spec: { running: false } })],
  ['the status of a VM', updates(machines, 'labelled', 'off', { status: { ready: true } }, 'status')],
  [
    'a VM that is being deleted and whose interfaces change',
    updates(machines, 'labelled', 'going', interfaces('02:00:00:00:00:01')),
  ],
  ['a stranger among VMs that is started', updates(machines, 'plain', 'stranger', { spec: { running: true } })],
  ['the deletion of a VM', deletes(machines, 'labelled', 'stored')],
  ['the instance of a VM', creates(instances, 'labelled', instance({}, owned('kubevirt.io/v1', 'VirtualMachine')))],
  [
    'the instance of a VM that asks',
    creates(instances, 'plain', instance(ASKS, owned('kubevirt.io/v1', 'VirtualMachine'))),
  ],
  ['an instance that says no', creates(instances, 'labelled', instance(REFUSES))],
  [
    'a report of virt-handler on an instance',
    updates(instances, 'labelled', 'stored', { status: { phase: 'Running' } }),
  ],
  [
    'an interface that virt-controller adds to an instance',
    updates(instances, 'labelled', 'stored', { spec: { domain: { devices: devices(undefined, 'red') } } }),
  ],
  [
    'a mirror that the operator makes',
    () =>
      dryCreate(
        claims,
        'plain',
        claim(
          'new',
          {},
          {
            consumerRef: { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u', nic: 'n' },
            mac: 'a4:58:0f:00:00:01',
            ledger: { generation: 1, clusterId: 'c' },
          },
        ),
        operator,
      ),
  ],
  [
    'a sticky claim that the operator makes',
    () =>
      dryCreate(
        claims,
        'plain',
        claim(
          'new',
          {},
          {
            stickyFor: { kind: 'Pod', name: 'p', nic: 'n' },
            mac: 'a4:58:0f:00:00:01',
            ledger: { generation: 1, clusterId: 'c' },
          },
        ),
        operator,
      ),
  ],
  ['a claim that is renewed', updates(claims, 'plain', 'stored', { spec: { renewedAt: '2030-01-01T00:00:00Z' } })],
  ['a claim whose annotations change', updates(claims, 'plain', 'stored', annotated({ a: 'b' }))],
  [
    'a claim that is being deleted and whose finalizers go',
    updates(claims, 'plain', 'going', { metadata: { finalizers: null } }),
  ],
  ['the deletion of a claim by the operator', deletes(claims, 'plain', 'stored', () => operator)],
  ['the second deletion of a claim', deletes(claims, 'plain', 'going')],
];

async function reviews(): Promise<number> {
  return (await installed().installation.webhooks[0]?.metric(REVIEWS)) ?? 0;
}

test.each(REACHING)('%s reaches the webhook', async (_, send) => {
  const before = await reviews();
  await send();
  expect(await reviews()).toBe(before + 1);
});

test.each(PASSING_BY)('%s does not reach the webhook', async (_, send) => {
  const before = await reviews();
  await send();
  expect(await reviews()).toBe(before);
});

test('the deletion of a mirror does not reach the webhook', async () => {
  const mirror = await eventually(
    async () => {
      const { items } = await admin.list(claims, { namespace: 'labelled' });
      const [found] = items;
      if (found === undefined) throw new Error('the operator has made no mirror yet');
      return found;
    },
    { within: 15_000 },
  );
  const before = await reviews();
  await deletes(claims, 'labelled', mirror.metadata.name)();
  expect(await reviews()).toBe(before);
});

/** The entries of the chart as a user renders them, with an exempt namespace. */
async function exempt(namespace: string): Promise<void> {
  const { plane } = installed();
  const helm = helmFor(await resolveHelm(4, logToStderr), plane.kubeconfig);
  const chart = path.join(import.meta.dirname, '..', '..', 'charts', 'rock-mac');
  const values = ['--namespace', SYSTEM, '--set', `webhook.exemptNamespaces={${namespace}}`];
  const manifests = await helm(['template', 'try', chart, ...values, '--show-only', 'templates/admission.yaml']);
  await plane.kubectl(['apply', '--server-side', '--force-conflicts', '-f', '-'], { input: manifests });
}

// Helm may have to be built first.
test(
  'nothing in a namespace that the installation exempts reaches the webhook, but its claims',
  { timeout: 900_000 },
  async () => {
    const { plane } = installed();
    await plane.kubectl(['create', 'namespace', 'database']);
    await plane.kubectl(['label', 'namespace', 'database', `${INJECT}=enabled`]);
    await eventually(() => plane.kubectl(['get', 'serviceaccount', 'default', '-n', 'database']), { within: 20_000 });
    const count = async (send: () => Promise<unknown>) => {
      const before = await reviews();
      await send();
      return (await reviews()) - before;
    };
    const quiet = creates(pods, 'database', pod());
    expect(await count(quiet)).toBe(1);
    await exempt('database');
    // The API server reads its new configuration a moment later.
    await eventually(
      async () => {
        expect(await count(quiet)).toBe(0);
      },
      { within: 10_000 },
    );
    expect(await count(creates(pods, 'database', pod(ASKS)))).toBe(0);
    expect(await count(creates(machines, 'database', machine(ASKS)))).toBe(0);
    expect(await count(creates(instances, 'database', instance(ASKS)))).toBe(0);
    expect(await count(creates(claims, 'database', claim('new')))).toBe(1);
    expect(await count(creates(pods, 'labelled', pod()))).toBe(1);
  },
);
