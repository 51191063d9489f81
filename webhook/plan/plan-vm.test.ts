import { describe, expect, test } from 'vitest';
import { ANNOTATIONS } from '../../api/names.ts';
import { mac } from '../../mac/mac-address.ts';
import { macPrefix } from '../../mac/mac-range.ts';
import type { Plan, Planned } from './plan.ts';
import { type IncomingMachine, planVm, planVmi, poolOfMachine, waitsAsReceiver } from './plan-vm.ts';

const PREFIXES = [macPrefix('a4:58:0f')];
const A = mac('a4:58:0f:05:00:01');
const B = mac('a4:58:0f:05:00:02');
const FOREIGN = '02:00:00:00:00:01';
const ALLOCATION = 'mac.rock-os.io/allocation';
const LEASE = 'mac.rock-os.io/lease';

interface Nic {
  readonly name: string;
  readonly mac?: string;
  readonly binding?: 'bridge' | 'masquerade' | 'sriov' | 'passt';
  /** Its network, by default one of Multus. */
  readonly on?: 'multus' | 'pod' | 'multus-default' | 'nothing';
  readonly state?: string;
}

function instanceSpec(nics: readonly Nic[]) {
  return {
    domain: {
      devices: {
        interfaces: nics.map(({ name, mac: macAddress, binding = 'bridge', state }) => ({
          name,
          [binding]: {},
          ...(macAddress !== undefined && { macAddress }),
          ...(state !== undefined && { state }),
        })),
      },
    },
    networks: nics.flatMap(({ name, on = 'multus' }): object[] => {
      if (on === 'nothing') return [];
      if (on === 'pod') return [{ name, pod: {} }];
      return [{ name, multus: { networkName: 'blue', ...(on === 'multus-default' && { default: true }) } }];
    }),
  };
}

interface Options {
  readonly annotations?: Record<string, string>;
  readonly run?: object;
}

function vm(nics: readonly Nic[], { annotations, run = { running: true } }: Options = {}): IncomingMachine {
  return { metadata: { annotations }, spec: { ...run, template: { spec: instanceSpec(nics) } } };
}

function planOf(planned: Planned): Plan {
  if (!planned.ok) throw new Error(planned.refusal.message);
  return planned.plan;
}

function created(nics: readonly Nic[], options: Options = {}): Plan {
  return planOf(planVm(vm(nics, options), undefined, PREFIXES));
}

function updated(before: readonly Nic[], after: readonly Nic[], now: Options = {}, then: Options = {}): Plan {
  return planOf(planVm(vm(after, now), vm(before, then), PREFIXES));
}

function path(index: number): string {
  return `/spec/template/spec/domain/devices/interfaces/${String(index)}/macAddress`;
}

const nowhere = { op: 'add', path: path(0), value: A };

describe('a new virtual machine', () => {
  test('gets an address on every interface, in its spec', () => {
    const plan = created([{ name: 'blue' }, { name: 'red' }]);
    expect(plan.addressRequests).toEqual([{ nic: 'blue' }, { nic: 'red' }]);
    expect(plan.patch([A, B], undefined)).toEqual([
      { op: 'add', path: path(0), value: A },
      { op: 'add', path: path(1), value: B },
    ]);
  });

  test.each([
    ['masquerade', 'pod', true],
    ['bridge', 'pod', false],
    ['passt', 'pod', false],
    ['masquerade', 'multus-default', true],
    ['bridge', 'multus-default', false],
    ['bridge', 'multus', true],
    ['sriov', 'multus', true],
    ['passt', 'multus', true],
    ['bridge', 'nothing', false],
  ] as const)('with %s on %s gets an address: %s, otherwise a warning', (binding, on, gets) => {
    const { addressRequests, warnings } = created([{ name: 'default', binding, on }]);
    expect(addressRequests).toHaveLength(gets ? 1 : 0);
    expect(warnings).toHaveLength(gets ? 0 : 1);
  });

  test('causes a warning for a written address that is not used', () => {
    const plan = created([{ name: 'default', binding: 'bridge', on: 'pod', mac: A }]);
    expect(plan.addressRequests).toEqual([{ nic: 'default', requested: A }]);
    expect(plan.warnings).toEqual([expect.stringMatching(/interface default has an address that is not used/)]);
  });

  test('without interfaces gets only a warning', () => {
    expect(created([])).toMatchObject({ addressRequests: [], warnings: [expect.stringMatching(/names no interface/)] });
    expect(planOf(planVm({ spec: {} }, undefined, PREFIXES)).addressRequests).toEqual([]);
  });

  test.each([
    [false, 0],
    [true, 1],
  ])('without interfaces, to which KubeVirt adds one: %s, causes %i warnings', (autoattachPodInterface, count) => {
    const spec = { template: { spec: { domain: { devices: { autoattachPodInterface } } } } };
    expect(planOf(planVm({ spec }, undefined, PREFIXES)).warnings).toHaveLength(count);
  });

  test('keeps the written addresses in their notation, and requests those of our prefix', () => {
    const plan = created([
      { name: 'blue', mac: 'A4-58-0F-05-00-01' },
      { name: 'red', mac: FOREIGN },
    ]);
    expect(plan.addressRequests).toEqual([{ nic: 'blue', requested: A }]);
    expect(plan.patch([A], undefined)).toEqual([]);
  });

  test('that is a clone gets addresses and a lease id of its own', () => {
    const plan = created([{ name: 'blue' }], { annotations: { [LEASE]: 'of-the-source' } });
    expect(plan.addressRequests).toEqual([{ nic: 'blue' }]);
    expect(plan.patch([A], undefined)).toEqual([
      nowhere,
      { op: 'remove', path: '/metadata/annotations/mac.rock-os.io~1lease' },
    ]);
  });

  test('that is a clone of a machine with a claim loses the claim, with a warning', () => {
    const annotations = { 'restore.kubevirt.io/lastRestoreUID': 'clone-1', [ALLOCATION]: 'gate' };
    const plan = created([{ name: 'blue' }], { annotations });
    expect(plan.addressRequests).toEqual([{ nic: 'blue' }]);
    expect(plan.warnings).toEqual([expect.stringMatching(/annotation mac.rock-os.io\/allocation was removed/)]);
    expect(plan.patch([A], undefined)).toEqual([
      nowhere,
      { op: 'remove', path: '/metadata/annotations/mac.rock-os.io~1allocation' },
    ]);
    // The restore controller names the claim's address, and whoever writes it means the claim.
    expect(created([{ name: 'blue', mac: A }], { annotations }).addressRequests).toEqual([
      { nic: 'blue', requested: A },
    ]);
  });

  test('that is a clone of a machine that offers its addresses offers none, with a warning', () => {
    const offer = { [ANNOTATIONS.transferTo]: 'new/desk' };
    const plan = created([{ name: 'blue' }], {
      annotations: { 'restore.kubevirt.io/lastRestoreUID': 'clone-1', ...offer },
    });
    expect(plan.warnings).toEqual([expect.stringMatching(/annotation mac.rock-os.io\/transfer-to was removed/)]);
    expect(plan.patch([A], undefined)).toEqual([
      nowhere,
      { op: 'remove', path: '/metadata/annotations/mac.rock-os.io~1transfer-to' },
    ]);
    const own = created([{ name: 'blue' }], { annotations: offer });
    expect(own.warnings).toEqual([]);
    expect(own.patch([A], undefined)).toEqual([nowhere]);
  });

  test('that is a clone of a machine with a pool of its own does not name that pool', () => {
    const annotations = { 'restore.kubevirt.io/lastRestoreUID': 'clone-1', [ANNOTATIONS.pool]: 'fast' };
    const plan = created([{ name: 'blue' }], { annotations });
    expect(plan.warnings).toEqual([expect.stringMatching(/annotation mac.rock-os.io\/pool was removed/)]);
    expect(plan.patch([A], undefined)).toEqual([
      nowhere,
      { op: 'remove', path: '/metadata/annotations/mac.rock-os.io~1pool' },
    ]);
    expect(poolOfMachine({ metadata: { annotations } }, { isNew: true })).toBeUndefined();
    expect(poolOfMachine({ metadata: { annotations } }, { isNew: false })).toBe('fast');
  });

  test('that was restored in its place may name a claim later', () => {
    const annotations = { 'restore.kubevirt.io/lastRestoreUID': 'restore-1', [ALLOCATION]: '{"red":"gate"}' };
    const plan = updated([{ name: 'blue', mac: A }], [{ name: 'blue', mac: A }, { name: 'red' }], { annotations });
    expect(plan).toMatchObject({ addressRequests: [{ nic: 'red', claim: 'gate' }], warnings: [] });
    expect(plan.patch([B], undefined)).toEqual([{ op: 'add', path: path(1), value: B }]);
  });

  test('that is restored under another name requests the addresses of the first', () => {
    expect(created([{ name: 'blue', mac: A }]).addressRequests).toEqual([{ nic: 'blue', requested: A }]);
  });

  test('may name claims', () => {
    expect(created([{ name: 'blue' }], { annotations: { [ALLOCATION]: 'gate' } }).addressRequests).toEqual([
      { nic: 'blue', claim: 'gate' },
    ]);
    const two = created([{ name: 'blue' }, { name: 'red' }], { annotations: { [ALLOCATION]: '{"red":"gate"}' } });
    expect(two.addressRequests).toEqual([{ nic: 'blue' }, { nic: 'red', claim: 'gate' }]);
  });

  test.each([
    ['a malformed address', [{ name: 'blue', mac: 'zz' }], /not a MAC address/],
    ['a multicast address', [{ name: 'blue', mac: '01:00:5e:00:00:01' }], /multicast/],
    [
      'one address twice',
      [
        { name: 'blue', mac: A },
        { name: 'red', mac: A },
      ],
      /on two interfaces/,
    ],
  ])('is refused with %s', (_, nics, message) => {
    const planned = planVm(vm(nics), undefined, PREFIXES);
    expect(planned).toMatchObject({
      ok: false,
      refusal: { code: 422, message: expect.stringMatching(message) as string },
    });
  });
});

describe('an update of a virtual machine', () => {
  const stored: readonly Nic[] = [
    { name: 'blue', mac: A },
    { name: 'red', mac: FOREIGN },
  ];

  test('that dropped its addresses gets those of our prefix back without the ledger', () => {
    const plan = updated(stored, [{ name: 'blue' }, { name: 'red' }]);
    expect(plan.addressRequests).toEqual([]);
    expect(plan.patch([], undefined)).toEqual([nowhere]);
    const moved = updated(stored, [
      { name: 'green', mac: FOREIGN },
      { name: 'blue', mac: '' },
    ]);
    expect(moved.patch([], undefined)).toEqual([{ op: 'add', path: path(1), value: A }]);
  });

  test('gets an address only for a new interface', () => {
    const other = '02:00:00:00:00:02';
    const plan = updated(stored, [...stored, { name: 'green' }, { name: 'own', mac: other }]);
    expect(plan.addressRequests).toEqual([{ nic: 'green' }]);
    expect(plan.outside).toMatchObject([{ nic: 'own', mac: other }]);
    expect(plan.patch([B], undefined)).toEqual([{ op: 'add', path: path(2), value: B }]);
  });

  test('warns why a hotplugged interface gets no address', () => {
    const plan = updated(stored, [...stored, { name: 'second', binding: 'bridge', on: 'pod' }]);
    expect(plan).toMatchObject({
      addressRequests: [],
      warnings: [expect.stringMatching(/interface second got no address/)],
    });
  });

  test('requests nothing when an interface is removed or is being unplugged', () => {
    expect(updated(stored, [])).toMatchObject({ addressRequests: [], warnings: [] });
    expect(updated(stored, [{ name: 'blue', mac: A, state: 'absent' }]).addressRequests).toEqual([]);
  });

  test('requests a changed address of our prefix, and leaves one of another prefix alone', () => {
    expect(updated(stored, [{ name: 'blue', mac: B }]).addressRequests).toEqual([{ nic: 'blue', requested: B }]);
    expect(updated(stored, [{ name: 'blue', mac: FOREIGN }]).addressRequests).toEqual([]);
    expect(updated(stored, [{ name: 'blue', mac: A.toUpperCase() }]).addressRequests).toEqual([]);
  });

  test('leaves an interface without an address alone while the machine runs, with a warning', () => {
    const plan = updated([{ name: 'blue' }], [{ name: 'blue' }, { name: 'red', mac: FOREIGN }]);
    expect(plan.addressRequests).toEqual([]);
    expect(plan.warnings).toEqual([expect.stringMatching(/gets its address when the machine is stopped and started/)]);
  });

  test.each([
    ['by the field running', { running: false }, { running: true }, true],
    ['by the field runStrategy', { runStrategy: 'Halted' }, { runStrategy: 'RerunOnFailure' }, true],
    ['by the first value of runStrategy', {}, { runStrategy: 'Always' }, true],
    ['not by a stop', { running: true }, { running: false }, false],
    ['not by another strategy while it runs', { runStrategy: 'Always' }, { runStrategy: 'Manual' }, false],
    [
      'not by the end of a migration into this cluster',
      { runStrategy: 'WaitAsReceiver' },
      { runStrategy: 'Always' },
      false,
    ],
  ])('gets the missing address when the machine is started: %s', (_, then, now, fills) => {
    const nics: readonly Nic[] = [{ name: 'blue' }, { name: 'pod', on: 'pod' }];
    const plan = updated(nics, nics, { run: now }, { run: then });
    expect(plan.addressRequests).toEqual(fills ? [{ nic: 'blue' }] : []);
  });

  test('is not refused for an invalid address that was stored before', () => {
    const odd: readonly Nic[] = [{ name: 'blue', mac: '01:00:5e:00:00:01' }];
    expect(updated(odd, [...odd, { name: 'red' }]).addressRequests).toEqual([{ nic: 'red' }]);
  });

  test('uses claims for new interfaces only if a map names them', () => {
    const one: readonly Nic[] = [{ name: 'blue', mac: A }];
    const two: readonly Nic[] = [...one, { name: 'red' }];
    expect(updated(one, two, { annotations: { [ALLOCATION]: 'gate' } }).addressRequests).toEqual([{ nic: 'red' }]);
    const map = { [ALLOCATION]: '{"red":"gate","gone":"old","blue":"own"}' };
    expect(updated(one, two, { annotations: map }).addressRequests).toEqual([{ nic: 'red', claim: 'gate' }]);
    const off = { annotations: { [ALLOCATION]: 'gate' } };
    expect(updated([{ name: 'blue' }], [{ name: 'blue' }], off, { run: { running: false } }).addressRequests).toEqual([
      { nic: 'blue', claim: 'gate' },
    ]);
  });

  test('never writes annotations', () => {
    const annotations = { [LEASE]: 'its-own' };
    expect(updated([], [{ name: 'blue' }], { annotations }).patch([A], undefined)).toEqual([nowhere]);
  });
});

describe('an instance without a machine', () => {
  test('gets its addresses in its own spec, and a lease id if it has no name yet', () => {
    const plan = planOf(planVmi({ spec: instanceSpec([{ name: 'blue' }]) }, PREFIXES));
    expect(plan.addressRequests).toEqual([{ nic: 'blue' }]);
    expect(plan.patch([A], 'fresh')).toEqual([
      { op: 'add', path: '/spec/domain/devices/interfaces/0/macAddress', value: A },
      { op: 'add', path: '/metadata/annotations', value: { [LEASE]: 'fresh' } },
    ]);
  });
});

test.each([
  ['interfaces that are no list', { spec: { template: { spec: { domain: { devices: { interfaces: {} } } } } } }],
  ['an interface without a name', vm([{ name: 'blue' }, { name: 'red' }]), 1],
])('an object without the shape of KubeVirt is left for KubeVirt to refuse: %s', (_, machine, good = 0) => {
  const copy = structuredClone(machine) as { spec: { template: { spec: ReturnType<typeof instanceSpec> } } };
  const { interfaces } = copy.spec.template.spec.domain.devices;
  if (Array.isArray(interfaces)) Reflect.deleteProperty(interfaces[0] ?? {}, 'name');
  expect(planOf(planVm(copy, undefined, PREFIXES)).addressRequests).toHaveLength(good);
});

test.each([
  ['WaitAsReceiver', true],
  ['Always', false],
  [undefined, false],
])('a machine with the run strategy %s waits for a guest: %s', (runStrategy, want) => {
  expect(waitsAsReceiver({ spec: { runStrategy } })).toBe(want);
});
