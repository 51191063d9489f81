import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { createKubeClient, type KubeClient } from '../../kube/client/client.ts';
import { objectMeta } from '../../kube/client/objects.ts';
import type { Resource } from '../../kube/client/resource.ts';
import type { NewObject } from '../../kube/client/write.ts';
import { installForeignCrds } from '../env/kubernetes/manifests.ts';
import { eventually } from '../env/run/eventually.ts';
import { installedEnvOfThisFile } from './installed-env.ts';

/*
 * Tests the policies for addresses that the webhook does not see. bob has the role `edit` in every namespace of this file,
 * so he may use the pools of editors and not production. Most requests are dry runs, which the policies check alike.
 */

const installed = installedEnvOfThisFile();
const INJECT = 'mac.rock-os.io/inject';
const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
const INFO = 'kubevirt.io/network-info';
const STATUS = 'k8s.v1.cni.cncf.io/network-status';
const ADDRESSES = 'mac.rock-os.io/addresses';
/** Addresses of the pools production and development. */
const PRODUCTION = 'a4:58:0f:00:77:01';
const DEVELOPMENT = 'a4:58:0f:01:77:01';
/** Under the prefix and in no pool. */
const UNPOOLED = 'a4:58:0f:77:00:01';
const REFUSED =
  /User "bob" may not use MacPool "production" in namespace "[a-z]+", and a4:58:0f:00:77:01 is an address/;

type Stored = z.infer<typeof loose>;
const loose = z.looseObject({ metadata: objectMeta });

function kind(group: string, version: string, plural: string, name: string): Resource<Stored> {
  return { group, version, plural, kind: name, namespaced: true, schema: loose };
}

const pods = kind('', 'v1', 'pods', 'Pod');
const machines = kind('kubevirt.io', 'v1', 'virtualmachines', 'VirtualMachine');
const instances = kind('kubevirt.io', 'v1', 'virtualmachineinstances', 'VirtualMachineInstance');
const instanceSets = kind('kubevirt.io', 'v1', 'virtualmachineinstancereplicasets', 'VirtualMachineInstanceReplicaSet');
const machinePools = kind('pool.kubevirt.io', 'v1beta1', 'virtualmachinepools', 'VirtualMachinePool');
const replicaSets = kind('apps', 'v1', 'replicasets', 'ReplicaSet');

const clients: KubeClient[] = [];
let admin: KubeClient;
let bob: KubeClient;
let bobsKubeconfig: string;

function open(kubeconfig: string): KubeClient {
  const client = createKubeClient({ userAgent: 'test', kubeconfig, logger: pino({ enabled: false }) });
  clients.push(client);
  return client;
}

async function user(name: string): Promise<KubeClient> {
  return open(await installed().plane.userKubeconfig(name));
}

/** A CRD that accepts everything. */
function crd({ group, version, plural, kind: name }: Resource<Stored>): string {
  const schema = { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } };
  return JSON.stringify({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind: name, plural, singular: name.toLowerCase() },
      versions: [{ name: version, served: true, storage: true, schema }],
    },
  });
}

const SOMETHING_TO_ADMINISTER = [
  {
    apiGroups: [''],
    resources: ['pods/status', 'pods/binding'],
    verbs: ['*'],
  },
  { apiGroups: ['kubevirt.io', 'pool.kubevirt.io'], resources: ['*'], verbs: ['*'] },
];

async function kubectl(args: readonly string[], input?: string): Promise<string> {
  return await installed().plane.kubectl(args, input === undefined ? {} : { input });
}

async function makeRole(name: string, rules: readonly object[]): Promise<void> {
  const role = { apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole', metadata: { name }, rules };
  await kubectl(['create', '-f', '-'], JSON.stringify(role));
}

async function bind(role: string, name: string, namespace: string): Promise<void> {
  await kubectl([
    'create',
    'rolebinding',
    `${name}-${role}`,
    `--clusterrole=${role}`,
    `--user=${name}`,
    '-n',
    namespace,
  ]);
}

function use(...pools: string[]) {
  return [{ apiGroups: ['mac.rock-os.io'], resources: ['macpools'], resourceNames: pools, verbs: ['use'] }];
}

beforeAll(async () => {
  const { plane } = installed();
  await installForeignCrds(plane.kubectl);
  await kubectl(['apply', '-f', '-'], crd(instanceSets));
  admin = open(plane.kubeconfig);
  bobsKubeconfig = await plane.userKubeconfig('bob');
  bob = open(bobsKubeconfig);
  await makeRole('something-to-administer', SOMETHING_TO_ADMINISTER);
  for (const name of ['plain', 'labelled', 'owned']) {
    await kubectl(['create', 'namespace', name]);
    await bind('edit', 'bob', name);
    await bind('something-to-administer', 'bob', name);
  }
  await kubectl(['label', 'namespace', 'labelled', `${INJECT}=enabled`]);
  await kubectl(['annotate', 'namespace', 'owned', 'mac.rock-os.io/pool=production']);
  for (const [namespace, name, annotations] of STORED) {
    await eventually(
      () => admin.create(pods, { ...pod(annotations), metadata: { name, annotations } }, { namespace }),
      {
        within: 20_000,
      },
    );
  }
  await admin.create(machines, { ...machine(), metadata: { name: 'stored' } }, { namespace: 'plain' });
  await eventually(() => expect(creates(pods, 'plain', pod(networks()))()).rejects.toThrow(REFUSED), {
    within: 30_000,
  });
});

afterAll(async () => {
  await Promise.all(clients.map((client) => client.close()));
});

/** The pods that an administrator stored before. One of them has an address that nobody allocated. */
const STORED: readonly (readonly [string, string, Record<string, string>])[] = [
  ['plain', 'stored', { [NETWORKS]: 'blue' }],
  ['plain', 'strayed', { [NETWORKS]: `[{"name":"blue","mac":"${PRODUCTION}"}]` }],
  ['labelled', 'stored', { [NETWORKS]: '[{"name":"blue","mac":"02:00:00:00:00:01"}]' }],
];

function networks(mac: string = PRODUCTION): Record<string, string> {
  return { [NETWORKS]: `[{"name":"blue","mac":"${mac}"}]` };
}

interface PodParts {
  readonly metadata?: object;
  readonly spec?: object;
}

function pod(annotations?: Record<string, string>, { metadata, spec }: PodParts = {}): NewObject {
  return {
    metadata: { name: 'new', ...(annotations !== undefined && { annotations }), ...metadata },
    spec: { containers: [{ name: 'main', image: 'example.invalid/none' }], ...spec },
  };
}

function domain(macAddress?: string) {
  const devices = { interfaces: [{ name: 'blue', bridge: {}, ...(macAddress !== undefined && { macAddress }) }] };
  return { domain: { devices }, networks: [{ name: 'blue', multus: { networkName: 'blue' } }] };
}

function machine(macAddress?: string, annotations: Record<string, string> = {}): NewObject {
  return { metadata: { name: 'new', annotations }, spec: { template: { spec: domain(macAddress) } } };
}

function instance(macAddress: string, metadata: object = {}): NewObject {
  return { metadata: { name: 'new', ...metadata }, spec: domain(macAddress) };
}

function owner(apiVersion: string, ownerKind: string, controller: boolean) {
  return { ownerReferences: [{ apiVersion, kind: ownerKind, name: 'x', uid: '1', controller }] };
}

type Send = (as?: KubeClient) => Promise<unknown>;

function creates(resource: Resource<Stored>, namespace: string, object: NewObject): Send {
  return (as = bob) => as.create(resource, object, { namespace, dryRun: true });
}

function updates(
  namespace: string,
  name: string,
  annotations: Record<string, string | null>,
  subresource?: string,
): Send {
  const body = { metadata: { annotations } };
  return (as = bob) => as.patch(pods, { namespace, name }, { type: 'merge', body }, { dryRun: true, subresource });
}

const MIRROR = { 'kubernetes.io/config.mirror': 'x' };
const ON_NODE = { spec: { nodeName: 'none' } };
const ATTACHES_VOLUME = { metadata: { labels: { 'kubevirt.io': 'hotplug-disk' }, ...owner('v1', 'Pod', true) } };
const MACHINE_LAUNCHES = { metadata: owner('kubevirt.io/v1', 'VirtualMachineInstance', true) };

const STRAYS: readonly (readonly [what: string, send: Send])[] = [
  ['a pod', creates(pods, 'plain', pod(networks()))],
  ['a pod with dashes in the address', creates(pods, 'plain', pod(networks('A4-58-0F-00-77-01')))],
  ['a pod with dots in the address', creates(pods, 'plain', pod(networks('a458.0f00.7701')))],
  ['a pod with separators between all digits', creates(pods, 'plain', pod(networks('a-4.5:8-0.F::0.0-7:7.0-1')))],
  ['a pod with a bare address', creates(pods, 'plain', pod(networks('A4580F007701')))],
  [
    'a pod with escapes in the address',
    creates(pods, 'plain', pod(networks(String.raw`\u0041\u0034\u003A5\u0038\u003a0\u0066:00:77:\u0030\u0031`))),
  ],
  [
    'a pod with escaped dashes and dots',
    creates(pods, 'plain', pod(networks(String.raw`a4\u002d58\u002D0f\u002e00-77-01`))),
  ],
  [
    'a pod with the address in cni-args',
    creates(pods, 'plain', pod({ [NETWORKS]: `[{"name":"blue","cni-args":{"MAC":"${PRODUCTION}"}}]` })),
  ],
  [
    'a pod with the address among many',
    creates(pods, 'plain', pod(networks(`${DEVELOPMENT}"},{"mac":"${PRODUCTION}`))),
  ],
  ['a pod that opted out', creates(pods, 'plain', pod({ ...networks(), [INJECT]: 'false' }))],
  ['a pod that opted out of its namespace', creates(pods, 'labelled', pod({ ...networks(), [INJECT]: 'false' }))],
  ['a pod that says it is a mirror', creates(pods, 'labelled', pod({ ...networks(), ...MIRROR }, ON_NODE))],
  ['a pod on the host network', creates(pods, 'labelled', pod(networks(), { spec: { hostNetwork: true } }))],
  [
    'a pod with a made-up owner',
    creates(pods, 'plain', pod(networks(), { metadata: owner('made.up/v1', 'VirtualMachineInstance', false) })),
  ],
  ['a pod with a made-up instance', creates(pods, 'plain', pod(networks(), MACHINE_LAUNCHES))],
  [
    'a pod with a made-up instance, in a namespace that opted in',
    creates(pods, 'labelled', pod(networks(), MACHINE_LAUNCHES)),
  ],
  [
    'a pod with a made-up volume of a machine and the annotation of Calico',
    creates(pods, 'labelled', pod({ 'cni.projectcalico.org/hwAddr': PRODUCTION }, ATTACHES_VOLUME)),
  ],
  [
    'a pod with the annotation of KubeVirt',
    creates(
      pods,
      'labelled',
      pod({ [INFO]: `{"interfaces":[{"network":"b","mac":"${PRODUCTION}"}]}` }, MACHINE_LAUNCHES),
    ),
  ],
  [
    'a pod with the address on its own network',
    creates(pods, 'plain', pod({ 'v1.multus-cni.io/default-network': `[{"name":"b","mac":"${PRODUCTION}"}]` })),
  ],
  ['a pod with the annotation of rock-mac', creates(pods, 'plain', pod({ [ADDRESSES]: `[{"mac":"${PRODUCTION}"}]` }))],
  [
    'a pod with the annotation of Kube-OVN',
    creates(pods, 'plain', pod({ 'ovn.kubernetes.io/mac_address': PRODUCTION })),
  ],
  [
    'a pod with the annotation of a provider of Kube-OVN',
    creates(pods, 'plain', pod({ 'blue.plain.ovn.kubernetes.io/mac_address': PRODUCTION })),
  ],
  ['a pod with a status', creates(pods, 'plain', pod({ [STATUS]: `[{"mac":"${PRODUCTION}"}]` }))],
  ['a pod with the annotation of Calico', creates(pods, 'plain', pod({ 'cni.projectcalico.org/hwAddr': PRODUCTION }))],
  ['a pod with the annotation of Cilium', creates(pods, 'plain', pod({ 'cni.cilium.io/mac-address': PRODUCTION }))],
  [
    'a pod that the webhook sees, with an annotation that the webhook does not read',
    creates(pods, 'labelled', pod({ 'cni.cilium.io/mac-address': PRODUCTION })),
  ],
  ['an update of a pod', updates('plain', 'stored', networks())],
  ['an update of a pod that opts it out', updates('labelled', 'stored', { ...networks(), [INJECT]: 'false' })],
  ['an update of the status of a pod', updates('plain', 'stored', networks(), 'status')],
  ['a status', updates('plain', 'stored', { [STATUS]: `[{"mac":"${PRODUCTION}"}]` }, 'status')],
  ['the status of a pod in a namespace that opted in', updates('labelled', 'stored', networks(), 'status')],
  ['a VM', creates(machines, 'plain', machine(PRODUCTION))],
  ['a VM with another notation', creates(machines, 'plain', machine('A4-58-0F-00-77-01'))],
  ['a VM that opted out', creates(machines, 'labelled', machine(PRODUCTION, { [INJECT]: 'false' }))],
  [
    'an update of a VM',
    (as = bob) =>
      as.patch(
        machines,
        { namespace: 'plain', name: 'stored' },
        { type: 'merge', body: { spec: { template: { spec: domain(PRODUCTION) } } } },
        { dryRun: true },
      ),
  ],
  ['an instance', creates(instances, 'plain', instance(PRODUCTION))],
  [
    'an instance with a made-up VM',
    creates(instances, 'labelled', instance(PRODUCTION, owner('kubevirt.io/v1', 'VirtualMachine', true))),
  ],
  ['a set of instances, also in a namespace that opted in', creates(instanceSets, 'labelled', machine(PRODUCTION))],
  [
    'a pool of VMs',
    creates(machinePools, 'plain', {
      metadata: { name: 'new' },
      spec: { virtualMachineTemplate: { spec: { template: { spec: domain(PRODUCTION) } } } },
    }),
  ],
];

describe('a user without the right to use the pool is refused an address of it that the webhook does not see:', () => {
  test.each(STRAYS)('%s', async (_, send) => {
    await expect(send()).rejects.toThrow(REFUSED);
  });

  test('a binding that brings it along', async () => {
    const binding = {
      apiVersion: 'v1',
      kind: 'Binding',
      metadata: { name: 'stored', annotations: networks() },
      target: { apiVersion: 'v1', kind: 'Node', name: 'none' },
    };
    const path = '/api/v1/namespaces/plain/pods/stored/binding?dryRun=All';
    await expect(bob.raw('POST', path, binding)).rejects.toThrow(REFUSED);
  });
});

const ADMITTED: readonly (readonly [what: string, send: Send])[] = [
  ['a pod without annotations', creates(pods, 'plain', pod())],
  ['a pod with networks', creates(pods, 'plain', pod({ [NETWORKS]: 'blue,red@eth5' }))],
  ['a pod with networks that nobody understands', creates(pods, 'plain', pod({ [NETWORKS]: String.raw`[{"\u0061` }))],
  ['a pod with an address of another prefix', creates(pods, 'plain', pod(networks('02:58:0f:00:77:01')))],
  [
    'a pod with a longer address and an IPv6 address that contain the prefix',
    creates(pods, 'plain', pod({ [NETWORKS]: `[{"mac":"${PRODUCTION}:00:01","ips":["fe80::a458:0f00:7701/64"]}]` })),
  ],
  ['a pod with an address of a pool that an editor may use', creates(pods, 'plain', pod(networks(DEVELOPMENT)))],
  ['a pod with an address of the pool of its namespace', creates(pods, 'owned', pod(networks()))],
  ['a VM with an address of the pool of its namespace', creates(machines, 'owned', machine(PRODUCTION))],
  ['a VM without addresses', creates(machines, 'plain', machine())],
  ['a VM without a template', creates(machines, 'plain', { metadata: { name: 'new' }, spec: {} })],
  ['a change of a pod that strayed before', updates('plain', 'strayed', { a: 'b' })],
  [
    'a change of the networks of a pod that strayed before',
    updates('plain', 'strayed', { [NETWORKS]: `[{"name":"red"},{"name":"blue","mac":"${PRODUCTION}"}]` }),
  ],
  [
    'a report of the address that the pod has',
    updates('plain', 'strayed', { [STATUS]: `[{"mac":"${PRODUCTION}"}]` }, 'status'),
  ],
  ['a pod that gives up its address', updates('plain', 'strayed', { [NETWORKS]: null })],
];

describe('the policy admits', () => {
  test.each(ADMITTED)('%s', async (_, send) => {
    await send();
  });

  test.each([
    ['the controller of KubeVirt', 'system:serviceaccount:kubevirt:kubevirt-controller'],
    ['Multus', 'system:serviceaccount:kube-system:multus'],
  ])('what %s writes', async (_, name) => {
    await bind('edit', name, 'plain');
    const as = await user(name);
    await eventually(() => creates(pods, 'plain', pod(networks(), MACHINE_LAUNCHES))(as), { within: 20_000 });
  });

  test('what a user with the right to use the pool writes', async () => {
    await makeRole('producer', use('production'));
    await bind('edit', 'alice', 'plain');
    await bind('producer', 'alice', 'plain');
    const alice = await user('alice');
    await eventually(() => creates(pods, 'plain', pod(networks()))(alice), { within: 20_000 });
  });

  test('addresses of all pools by an administrator, and of at most four pools by others', async () => {
    const macs = ['00', '01', '02', '03', '04', '05'].map((pool) => `a4:58:0f:${pool}:77:01`);
    const all = creates(pods, 'plain', pod(networks(macs.join('"},{"mac":"'))));
    await all(admin);
    await makeRole('many-pools', use('production', 'development', 'experiment', 'vultr', 'docker', 'kubernetes'));
    await bind('edit', 'carol', 'plain');
    await bind('many-pools', 'carol', 'plain');
    const carol = await user('carol');
    await eventually(() => creates(pods, 'plain', pod(networks(macs.slice(0, 4).join('"},{"mac":"'))))(carol), {
      within: 20_000,
    });
    await expect(all(carol)).rejects.toThrow(/addresses of more than 4 pools/);
  });

  test('an annotation of the largest size, and refuses one with too many addresses', async () => {
    const entries = (mac: (index: number) => string, count: number) =>
      Array.from({ length: count }, (_, index) => `{"name":"n","mac":"${mac(index)}"}`).join(',');
    const foreign = entries((index) => `02:00:00:00:${hex(index >> 8)}:${hex(index & 255)}`, 6_500);
    expect(foreign.length).toBeGreaterThan(250_000);
    await creates(pods, 'plain', pod({ [NETWORKS]: `[${foreign}]` }))();
    const escaped = entries(() => String.raw`02:00:00:00:00:\u0030\u0031`, 5_000);
    await creates(pods, 'plain', pod({ [NETWORKS]: `[${escaped}]` }))();
    const ours = entries((index) => `a4:58:0f:01:${hex(index >> 8)}:${hex(index & 255)}`, 6_500);
    await expect(creates(pods, 'plain', pod({ [NETWORKS]: `[${ours}]` }))()).rejects.toThrow(/256 times/);
    const most = entries((index) => `a4:58:0f:01:01:${hex(index)}`, 256);
    await creates(pods, 'plain', pod({ [NETWORKS]: `[${most}]` }))();
  });

  test('pods that got their addresses from the webhook, with and without a name', async () => {
    const named = await bob.create(pods, pod({ [NETWORKS]: 'blue' }), { namespace: 'labelled' });
    expect(JSON.stringify(named.metadata.annotations)).toContain('a4:58:0f:05:');
    const nameless = pod({ [NETWORKS]: 'blue' }, { metadata: { name: undefined, generateName: 'new-' } });
    const stored = await bob.create(pods, nameless, { namespace: 'labelled' });
    expect(JSON.stringify(stored.metadata.annotations)).toContain('a4:58:0f:05:');
  });

  test('pods of a ReplicaSet with an address of their namespace’s pool, and not without such a pool', async () => {
    const set = {
      metadata: { name: 'set' },
      spec: {
        replicas: 1,
        selector: { matchLabels: { a: 'b' } },
        template: { metadata: { labels: { a: 'b' }, annotations: networks() }, spec: pod()['spec'] },
      },
    };
    await bob.create(replicaSets, set, { namespace: 'owned' });
    await bob.create(replicaSets, set, { namespace: 'plain' });
    const status = (namespace: string) => kubectl(['get', 'rs', 'set', '-n', namespace, '-o', 'jsonpath={.status}']);
    await eventually(
      async () => {
        expect(await status('owned')).toContain('"replicas":1');
      },
      { within: 20_000 },
    );
    await eventually(
      async () => {
        expect(await status('plain')).toContain('replicaset-controller\\" may not use MacPool');
      },
      { within: 20_000 },
    );
  });
});

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}

/** Creates a pod as bob with kubectl, which fails if the API server warns. */
async function createWithoutWarning(annotations: Record<string, string>): Promise<string> {
  const manifest = { apiVersion: 'v1', kind: 'Pod', ...pod(annotations) };
  const args = ['--kubeconfig', bobsKubeconfig, 'create', '--dry-run=server', '-n', 'plain', '--warnings-as-errors'];
  return await kubectl([...args, '-f', '-'], JSON.stringify(manifest));
}

test('an address under the prefix that is in no pool gets a warning', async () => {
  await creates(pods, 'plain', pod(networks(UNPOOLED)))();
  await expect(createWithoutWarning(networks(UNPOOLED))).rejects.toThrow(
    /Warning: .*Address a4:58:0f:77:00:01 is under a prefix of rock-mac and in none of its pools/,
  );
  await createWithoutWarning(networks(DEVELOPMENT));
});

const typeChecked = z.object({ status: z.object({ typeChecking: z.object({}).strict() }) });

test.each(['rock-mac-stray-addresses', 'rock-mac-unpooled-addresses'])(
  'the API server finds no type error in %s',
  async (name) => {
    await eventually(
      async () => {
        const policy: unknown = JSON.parse(await kubectl(['get', 'validatingadmissionpolicy', name, '-o', 'json']));
        expect(typeChecked.safeParse(policy).error).toBeUndefined();
      },
      { within: 20_000, every: 500 },
    );
  },
);

describe('the address ranges', () => {
  const read = () =>
    kubectl(['get', 'configmap', 'rock-mac-address-ranges', '-n', 'rock-mac-system', '-o', 'jsonpath={.data.pools}']);

  test('follow the pools, so that a new pool is protected at once', async () => {
    await createWithoutWarning(networks('a4:58:0f:40:00:01')).catch((error: unknown) => {
      expect(String(error)).toContain('in none of its pools');
    });
    const spec = { first: 'a4:58:0f:40:00:00', last: 'a4:58:0f:40:00:ff' };
    const pool = { apiVersion: 'mac.rock-os.io/v1alpha1', kind: 'MacPool', metadata: { name: 'lab' }, spec };
    await kubectl(['create', '-f', '-'], JSON.stringify(pool));
    await eventually(
      () => expect(creates(pods, 'plain', pod(networks('a4:58:0f:40:00:01')))()).rejects.toThrow(/MacPool "lab"/),
      { within: 20_000 },
    );
    expect(await read()).toContain('lab a4:58:0f:40:00:00 a4:58:0f:40:00:ff');
  });
});

describe('while every program of rock-mac is down', () => {
  beforeAll(async () => {
    const { operators, webhooks } = installed().installation;
    await Promise.all([...operators, ...webhooks].map((program) => program.kill()));
  });

  test.each(STRAYS.filter(([what]) => /^(?:a pod|a VM|an update of a pod)$/.test(what)))(
    '%s is still refused',
    async (_, send) => {
      await expect(send()).rejects.toThrow(REFUSED);
    },
  );

  test.each(ADMITTED)('%s is still admitted', async (_, send) => {
    await send();
  });

  test('the binding decides whether an address is refused or gets a warning', async () => {
    const patch = (action: string) =>
      kubectl([
        ...['patch', 'validatingadmissionpolicybinding', 'rock-mac-stray-addresses-pods', '--type=merge'],
        ...['-p', JSON.stringify({ spec: { validationActions: [action] } })],
      ]);
    await patch('Warn');
    await eventually(() => creates(pods, 'plain', pod(networks()))(), { within: 20_000 });
    await expect(createWithoutWarning(networks())).rejects.toThrow(/Warning: .*may not use MacPool "production"/);
    await patch('Deny');
    await eventually(() => expect(creates(pods, 'plain', pod(networks()))()).rejects.toThrow(REFUSED), {
      within: 20_000,
    });
  });

  test('nothing is refused while the address ranges do not exist', async () => {
    await kubectl(['delete', 'configmap', 'rock-mac-address-ranges', '-n', 'rock-mac-system']);
    await eventually(() => creates(pods, 'plain', pod(networks()))(), { within: 20_000 });
  });
});
