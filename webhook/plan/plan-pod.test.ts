import { describe, expect, test } from 'vitest';
import type { NetworkSupport } from '../../api/cni-plugins.ts';
import type { JsonPatchOperation } from '../../kube/client/json-patch.ts';
import { mac } from '../../mac/mac-address.ts';
import { macPrefix } from '../../mac/mac-range.ts';
import { networkNames, readNetworks } from './multus-target.ts';
import type { Plan, Planned } from './plan.ts';
import { planPod } from './plan-pod.ts';
import type { PrimaryCni } from './primary-target.ts';

const PREFIXES = [macPrefix('a4:58:0f')];
const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
const DEFAULT_NETWORK = 'v1.multus-cni.io/default-network';
const OVN_NETWORK = 'ovn-kubernetes/default';
const HOMES = { namespace: 'web', multusNamespace: 'multus' };
const INJECT = 'mac.rock-os.io/inject';
const ALLOCATION = 'mac.rock-os.io/allocation';
const ADDRESSES = 'mac.rock-os.io/addresses';
const LEASE = 'mac.rock-os.io/lease';
const A = mac('a4:58:0f:05:00:01');
const B = mac('a4:58:0f:05:00:02');
const C = mac('a4:58:0f:05:00:03');

interface Options {
  readonly primaryCni?: PrimaryCni;
  readonly isStored?: boolean;
  /** By `namespace/name`. Networks that are not listed here use a given address. */
  readonly support?: Readonly<Record<string, NetworkSupport>>;
}

function planned(annotations: Record<string, string> | undefined, options: Options = {}): Planned {
  const { primaryCni = 'none', support = {}, isStored = false } = options;
  const read = readNetworks(annotations ?? {}, HOMES);
  if (!read.ok) throw new Error(read.problem);
  const names = [...networkNames(read.networks), OVN_NETWORK];
  const known = new Map(names.map((name) => [name, support[name] ?? 'honoured'] as const));
  const primary = { primaryCni, primaryNetwork: OVN_NETWORK };
  return planPod(annotations, read.networks, { prefixes: PREFIXES, ...primary, support: known, isStored });
}

function plan(annotations: Record<string, string> | undefined, options: Options = {}): Plan {
  const result = planned(annotations, options);
  if (!result.ok) throw new Error(result.refusal.message);
  return result.plan;
}

function refusal(annotations: Record<string, string>) {
  const result = planned(annotations);
  if (result.ok) throw new Error('was not refused');
  return result.refusal;
}

function written(operations: readonly JsonPatchOperation[], annotation: string): unknown {
  const operation = operations.find(({ path }) => path.endsWith(annotation.replace('/', '~1')));
  return operation !== undefined && 'value' in operation ? operation.value : operation?.op;
}

describe('a pod with networks', () => {
  test('gets an address on each attachment, listed in its addresses annotation', () => {
    const pod = plan({ [NETWORKS]: '[{"name":"blue"},{"name":"red","interface":"eth5"}]' });
    expect(pod.addressRequests).toEqual([{ nic: 'web/blue#0' }, { nic: 'eth5' }]);
    const patch = pod.patch([A, B], undefined);
    expect(written(patch, NETWORKS)).toBe(
      `[{"mac":"${A}","name":"blue"},{"mac":"${B}","name":"red","interface":"eth5"}]`,
    );
    expect(JSON.parse(String(written(patch, ADDRESSES)))).toEqual([
      { network: 'web/blue', mac: A },
      { network: 'web/red', interface: 'eth5', mac: B },
    ]);
    expect(patch).toHaveLength(2);
  });

  test('may use one network twice, and one of another namespace, in the comma form', () => {
    const pod = plan({ [NETWORKS]: 'blue, infra/red@eth5 ,blue' });
    expect(pod.addressRequests.map(({ nic }) => nic)).toEqual(['web/blue#0', 'eth5', 'web/blue#1']);
    expect(JSON.parse(String(written(pod.patch([A, B, C], undefined), NETWORKS)))).toEqual([
      { name: 'blue', mac: A },
      { name: 'red', namespace: 'infra', interface: 'eth5', mac: B },
      { name: 'blue', mac: C },
    ]);
  });

  test('keeps an address of another prefix, without a request to the ledger', () => {
    const pod = plan({ [NETWORKS]: '[{"name":"blue","mac":"02:00:00:00:00:01"},{"name":"red"}]' });
    expect(pod.addressRequests.map(({ nic }) => nic)).toEqual(['web/red#0']);
    expect(written(pod.patch([A], undefined), NETWORKS)).toBe(
      `[{"name":"blue","mac":"02:00:00:00:00:01"},{"mac":"${A}","name":"red"}]`,
    );
  });

  test('requests the address that its author wrote, and gets it in canonical form', () => {
    const pod = plan({ [NETWORKS]: '[{"name":"blue","mac":"A4-58-0F-05-00-01"}]' });
    expect(pod.addressRequests).toEqual([{ nic: 'web/blue#0', requested: A }]);
    expect(written(pod.patch([A], undefined), NETWORKS)).toBe(`[{"name":"blue","mac":"${A}"}]`);
  });

  test('brings addresses along if it is a copy of a pod that has some, or is admitted again', () => {
    const pod = plan({
      [NETWORKS]: `[{"name":"blue","mac":"${A}"}]`,
      [ADDRESSES]: `[{"network":"web/blue","mac":"${A}"}]`,
      [LEASE]: 'of-the-original',
    });
    expect(pod.addressRequests).toEqual([{ nic: 'web/blue#0', copied: A }]);
    const patch = pod.patch([B], undefined);
    expect(written(patch, NETWORKS)).toBe(`[{"name":"blue","mac":"${B}"}]`);
    expect(written(patch, LEASE)).toBe('remove');
  });

  test('gets the lease id of this admission instead of the incoming one', () => {
    const pod = plan({ [NETWORKS]: '[{"name":"blue"}]', [LEASE]: 'copied' });
    expect(written(pod.patch([A], 'fresh'), LEASE)).toBe('fresh');
  });

  test('keeps the longer addresses of InfiniBand and EUI-64, and a GUID', () => {
    expect(plan({ [NETWORKS]: '[{"name":"ib","mac":"00:11:22:33:44:55:66:77"}]' }).addressRequests).toEqual([]);
    const dotted = plan({ [NETWORKS]: '[{"name":"blue","mac":"a458.0fff.fe05.2001"}]' });
    expect(dotted).toMatchObject({ addressRequests: [], warnings: [] });
    const guid = plan({ [NETWORKS]: '[{"name":"ib","infiniband-guid":"c2:11:22:33:44:55:66:77"}]' });
    expect(guid).toMatchObject({ addressRequests: [], warnings: [] });
  });

  test('may give its address in cni-args, which is written back in both places', () => {
    const pod = plan({ [NETWORKS]: '[{"name":"blue","cni-args":{"mac":"A4:58:0F:05:00:01","vlan":7}}]' });
    expect(pod.addressRequests).toEqual([{ nic: 'web/blue#0', requested: A }]);
    expect(written(pod.patch([A], undefined), NETWORKS)).toBe(
      `[{"mac":"${A}","name":"blue","cni-args":{"mac":"${A}","vlan":7}}]`,
    );
  });
});

describe('what a network does with an address', () => {
  const pod = { [NETWORKS]: '[{"name":"blue"},{"name":"red"}]' };

  test('decides whether it gets one: an interface on a network that ignores addresses gets none, with a warning', () => {
    const { addressRequests, warnings, patch } = plan(pod, { support: { 'web/blue': 'ignored' } });
    expect(addressRequests).toEqual([{ nic: 'web/red#0' }]);
    expect(warnings).toEqual(['rock-mac: network web/blue ignores MAC addresses, so its interface gets none']);
    expect(written(patch([A], undefined), NETWORKS)).toBe(`[{"name":"blue"},{"mac":"${A}","name":"red"}]`);
  });

  test('causes a warning if the network ignores the written address', () => {
    const support = { 'web/blue': 'ignored' } as const;
    const { addressRequests, warnings } = plan({ [NETWORKS]: `[{"name":"blue","mac":"${A}"}]` }, { support });
    expect(addressRequests).toEqual([{ nic: 'web/blue#0', requested: A }]);
    expect(warnings).toEqual([
      'rock-mac: network web/blue ignores MAC addresses, so the one in the annotation is not used',
    ]);
  });

  test('does not matter for a copied address: two pods never report the same one', () => {
    const copy = { [NETWORKS]: `[{"name":"blue","mac":"${A}"}]`, [ADDRESSES]: `[{"network":"web/blue","mac":"${A}"}]` };
    const { addressRequests, warnings } = plan(copy, { support: { 'web/blue': 'ignored' } });
    expect(addressRequests).toEqual([{ nic: 'web/blue#0', copied: A }]);
    expect(warnings).toEqual([
      'rock-mac: network web/blue ignores MAC addresses, so the one in the annotation is not used',
    ]);
  });

  test.each([
    ['unknown', /may ignore its address: rock-mac does not know its CNI plugin/],
    ['missing', /does not exist yet/],
  ] as const)('gives an interface on a network that is %s an address, with a warning', (support, warning) => {
    const { addressRequests, warnings } = plan(pod, { support: { 'web/blue': support } });
    expect(addressRequests).toHaveLength(2);
    expect(warnings).toEqual([expect.stringMatching(warning)]);
  });

  test('causes no warning if the author wrote an address of another prefix', () => {
    const own = { [NETWORKS]: '[{"name":"blue","mac":"02:00:00:00:00:01"}]' };
    expect(plan(own, { support: { 'web/blue': 'unknown' } }).warnings).toEqual([]);
  });
});

describe('a network of Kube-OVN', () => {
  const PROVIDER = 'blue.web.ovn.kubernetes.io/mac_address';

  test('may have the address that its author wrote for the provider, which then is in the networks annotation', () => {
    const pod = plan({ [NETWORKS]: 'blue', [PROVIDER]: 'A4:58:0F:05:00:01' });
    expect(pod.addressRequests).toEqual([{ nic: 'web/blue#0', requested: A }]);
    const patch = pod.patch([A], undefined);
    expect(written(patch, NETWORKS)).toBe(`[{"name":"blue","mac":"${A}"}]`);
    expect(written(patch, PROVIDER)).toBeUndefined();
  });

  test('has the address of the networks annotation where both name one, as for Kube-OVN', () => {
    const pod = plan({ [NETWORKS]: `[{"name":"blue","mac":"${B}"}]`, [PROVIDER]: A });
    expect(pod.addressRequests).toEqual([{ nic: 'web/blue#0', requested: B }]);
  });

  test('keeps an address of another prefix that its author wrote for the provider', () => {
    const pod = plan({ [NETWORKS]: 'blue', [PROVIDER]: '00:00:00:53:6b:b6' });
    expect(pod.addressRequests).toEqual([]);
  });

  test('has no such address if the pod attaches it twice', () => {
    const twice = plan({ [NETWORKS]: 'blue,blue', [PROVIDER]: A });
    expect(twice.addressRequests).toEqual([{ nic: 'web/blue#0' }, { nic: 'web/blue#1' }]);
  });
});

describe("a pod's own interface", () => {
  test.each([
    ['calico', 'cni.projectcalico.org/hwAddr'],
    ['cilium', 'cni.cilium.io/mac-address'],
    ['kube-ovn', 'ovn.kubernetes.io/mac_address'],
  ] as const)('gets an address where the cluster has %s, even in a pod without any annotations', (primaryCni, key) => {
    const pod = plan(undefined, { primaryCni });
    expect(pod).toMatchObject({ addressRequests: [{ nic: 'primary' }], warnings: [] });
    expect(pod.patch([A], undefined)).toEqual([
      { op: 'add', path: '/metadata/annotations', value: { [key]: A, [ADDRESSES]: `[{"mac":"${A}"}]` } },
    ]);
  });

  test('keeps the address that its author wrote', () => {
    const pod = plan({ 'cni.projectcalico.org/hwAddr': 'A4:58:0F:05:00:01' }, { primaryCni: 'calico' });
    expect(pod.addressRequests).toEqual([{ nic: 'primary', requested: A }]);
    expect(written(pod.patch([A], undefined), 'cni.projectcalico.org/hwAddr')).toBe(A);
  });

  test('gets the address on the network of OVN-Kubernetes where the cluster has that', () => {
    const pod = plan(undefined, { primaryCni: 'ovn-kubernetes' });
    expect(pod).toMatchObject({ addressRequests: [{ nic: 'primary' }], warnings: [], cannotWait: true });
    const patch = pod.patch([A], undefined);
    const annotations = {
      [DEFAULT_NETWORK]: `[{"mac":"${A}","name":"default","namespace":"ovn-kubernetes"}]`,
      [ADDRESSES]: `[{"network":"${OVN_NETWORK}","mac":"${A}"}]`,
    };
    expect(patch).toEqual([{ op: 'add', path: '/metadata/annotations', value: annotations }]);
  });

  test.each(['missing', 'unknown'] as const)(
    'gets none, and a warning, where the network of OVN-Kubernetes is %s: Multus would not start the pod',
    (state) => {
      const options: Options = { primaryCni: 'ovn-kubernetes', support: { [OVN_NETWORK]: state } };
      const pod = plan({ [NETWORKS]: 'blue' }, options);
      expect(pod).toMatchObject({ addressRequests: [{ nic: 'web/blue#0' }], cannotWait: false });
      expect(pod.warnings).toEqual([expect.stringMatching(/own interface gets no address.*ovn-kubernetes\/default/)]);
      expect(written(pod.patch([A], undefined), DEFAULT_NETWORK)).toBeUndefined();
    },
  );

  test('gets an address where its author named the network of OVN-Kubernetes, with all that the author wrote', () => {
    const request = '[{"name":"default","namespace":"ovn-kubernetes","ips":["10.0.0.7/24"]}]';
    const pod = plan({ [DEFAULT_NETWORK]: request }, { primaryCni: 'ovn-kubernetes' });
    expect(written(pod.patch([A], undefined), DEFAULT_NETWORK)).toBe(request.replace('{', `{"mac":"${A}",`));
  });

  test('stays as it is in a stored pod where the cluster has OVN-Kubernetes, which refuses the change', () => {
    const options: Options = { primaryCni: 'ovn-kubernetes', isStored: true };
    for (const own of [{}, { [DEFAULT_NETWORK]: 'ovn-kubernetes/default' }]) {
      const pod = plan({ [NETWORKS]: 'blue', ...own }, options);
      expect(pod.addressRequests).toEqual([{ nic: 'web/blue#0' }]);
      expect(written(pod.patch([A], undefined), DEFAULT_NETWORK)).toBeUndefined();
    }
  });

  test('gets the address on the network that replaces the cluster network', () => {
    const pod = plan({ [DEFAULT_NETWORK]: 'own', [NETWORKS]: 'blue' }, { primaryCni: 'calico' });
    expect(pod.addressRequests).toEqual([{ nic: 'primary' }, { nic: 'web/blue#0' }]);
    const patch = pod.patch([A, B], undefined);
    expect(written(patch, DEFAULT_NETWORK)).toBe(`[{"name":"own","mac":"${A}"}]`);
    expect(JSON.parse(String(written(patch, ADDRESSES)))).toEqual([
      { network: 'multus/own', mac: A },
      { network: 'web/blue', mac: B },
    ]);
    expect(patch).toHaveLength(3);
  });

  test('leaves its name to no other network', () => {
    const networks = '[{"name":"blue","interface":"primary"}]';
    expect(refusal({ [DEFAULT_NETWORK]: 'own', [NETWORKS]: networks }).message).toMatch(
      /^primary is the name of the pod's own interface here.*\nName the interface of the network otherwise/,
    );
    expect(plan({ [NETWORKS]: networks }).addressRequests).toEqual([{ nic: 'primary' }]);
  });

  test.each([{}, { [NETWORKS]: ' ' }, { [NETWORKS]: '[]' }])(
    'gets an address in the addresses annotation alone if the pod requested one and no CNI reads it: %j',
    (annotations) => {
      const pod = plan({ ...annotations, [INJECT]: 'true' });
      expect(pod.addressRequests).toEqual([{ nic: 'primary' }]);
      expect(pod.warnings).toHaveLength(1);
      expect(written(pod.patch([A], undefined), ADDRESSES)).toBe(`[{"mac":"${A}"}]`);
    },
  );

  test('gets nothing if only the namespace opted in and nothing can be injected', () => {
    expect(plan(undefined)).toMatchObject({ addressRequests: [], warnings: [] });
    expect(plan(undefined).patch([], undefined)).toEqual([]);
  });
});

describe('a claim', () => {
  const networks = { [NETWORKS]: '[{"name":"blue"},{"name":"red","interface":"eth5"}]' };

  test('is named alone if the pod has one interface, and in a map if it has more', () => {
    expect(plan({ [NETWORKS]: 'blue', [ALLOCATION]: 'gate' }).addressRequests).toEqual([
      { nic: 'web/blue#0', claim: 'gate' },
    ]);
    expect(plan({ ...networks, [ALLOCATION]: '{"eth5":"gate"}' }).addressRequests).toEqual([
      { nic: 'web/blue#0' },
      { nic: 'eth5', claim: 'gate' },
    ]);
  });

  test('replaces a copied address, and is requested together with a written one', () => {
    const copied = { [NETWORKS]: `[{"name":"blue","mac":"${A}"}]`, [ALLOCATION]: 'gate' };
    expect(plan({ ...copied, [ADDRESSES]: `[{"mac":"${A}"}]` }).addressRequests).toEqual([
      { nic: 'web/blue#0', claim: 'gate' },
    ]);
    expect(plan(copied).addressRequests).toEqual([{ nic: 'web/blue#0', claim: 'gate', requested: A }]);
  });

  test.each([
    ['one name for two interfaces', 'gate', /names one claim for web\/blue#0, eth5\.\nWrite a map/],
    ['an interface that does not exist', '{"eth9":"gate"}', /names "eth9".*\nIts interfaces are web\/blue#0, eth5/],
    [
      'one claim twice',
      '{"eth5":"gate","web/blue#0":"gate"}',
      /names claim "gate" for two interfaces.\nA claim is one/,
    ],
    ['a malformed map', '{"eth5":7}', /is not a JSON map/],
  ])('is refused if the annotation has %s', (_, annotation, message) => {
    expect(refusal({ ...networks, [ALLOCATION]: annotation })).toMatchObject({
      code: 422,
      message: expect.stringMatching(message) as string,
    });
  });

  test('is refused if no interface can use it', () => {
    expect(refusal({ [ALLOCATION]: 'gate' }).message).toMatch(/has no interface for it/);
  });
});

describe('refused as malformed', () => {
  test.each([
    ['an invalid MAC', '[{"name":"blue","mac":"zz"}]', /MAC "zz" of interface web\/blue#0 is not a MAC address/],
    ['a multicast MAC', '[{"name":"blue","mac":"01:00:5e:00:00:01"}]', /multicast/],
    ['the broadcast MAC', '[{"name":"blue","mac":"ff:ff:ff:ff:ff:ff"}]', /broadcast/],
    ['the zero MAC', '[{"name":"blue","mac":"00:00:00:00:00:00"}]', /all zero/],
    ['one MAC twice', `[{"name":"a","mac":"${A}"},{"name":"b","mac":"A4580F050001"}]`, /on two interfaces/],
    ['one interface name twice', '[{"name":"a","interface":"x"},{"name":"b","interface":"x"}]', /interface name x/],
  ])('%s', (_, networks, message) => {
    const { code, message: text } = refusal({ [NETWORKS]: networks });
    expect(code).toBe(422);
    expect(text).toMatch(message);
    expect(text.split('\n').length).toBeLessThanOrEqual(2);
  });

  test.each([
    [{ [NETWORKS]: '[{"name":' }, /is not valid JSON/],
    [{ [NETWORKS]: `[{"name":"a","mac":"${A}","cni-args":{"mac":"${B}"}}]` }, /two addresses, in mac and in cni-args/],
    [{ [DEFAULT_NETWORK]: 'a,b' }, /names more than one network/],
  ])('networks that cannot be read: %j', (annotations, problem) => {
    expect(readNetworks(annotations as Record<string, string>, HOMES)).toEqual({
      ok: false,
      problem: expect.stringMatching(problem) as string,
    });
  });
});
