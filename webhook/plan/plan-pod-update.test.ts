import { describe, expect, test } from 'vitest';
import type { Annotations } from '../../kube/client/json-patch.ts';
import { mac, type MacAddress } from '../../mac/mac-address.ts';
import { macPrefix } from '../../mac/mac-range.ts';
import type { Plan } from './plan.ts';
import { planPodUpdate } from './plan-pod-update.ts';

const context = { namespace: 'web', multusNamespace: 'kube-system', prefixes: [macPrefix('a4:58:0f')] };
const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
const ADDRESSES = 'mac.rock-os.io/addresses';
const PATH = '/metadata/annotations/k8s.v1.cni.cncf.io~1networks';
const A = 'a4:58:0f:05:00:01';
const B = 'a4:58:0f:05:00:02';
const stored = { [NETWORKS]: `[{"mac":"${A}","name":"blue"},{"mac":"${B}","name":"red","interface":"eth5"}]` };

function planOf(annotations: Annotations | undefined, before: Annotations): Plan {
  const planned = planPodUpdate(annotations, before, context);
  if (!planned.ok) throw new Error(planned.refusal.message);
  return planned.plan;
}

/** Returns the patch of an update for which the ledger gives these addresses. */
function patchOf(annotations: Annotations | undefined, before: Annotations, ...macs: readonly MacAddress[]) {
  const plan = planOf(annotations, before);
  expect(plan.addressRequests).toHaveLength(macs.length);
  return plan.patch(macs, undefined);
}

function refusalOf(networks: string, before: Annotations = stored): string {
  const planned = planPodUpdate({ [NETWORKS]: networks }, before, context);
  if (planned.ok) throw new Error('the update is not refused');
  return planned.refusal.message;
}

describe('an update of a pod', () => {
  test.each([
    ['in the form it was written in', 'blue,red@eth5'],
    ['with the networks in another order', '[{"name":"red","interface":"eth5"},{"name":"blue"}]'],
  ])('that dropped its addresses gets them back, %s', (_, networks) => {
    const [operation] = patchOf({ [NETWORKS]: networks }, stored);
    expect(operation).toMatchObject({ op: 'add', path: PATH });
    const attachments = JSON.parse(String(operation !== undefined && 'value' in operation && operation.value)) as {
      name: string;
      mac: string;
    }[];
    expect(Object.fromEntries(attachments.map(({ name, mac }) => [name, mac]))).toEqual({ blue: A, red: B });
  });

  test('that replaced all annotations gets those of rock-mac back too', () => {
    const all = { ...stored, [ADDRESSES]: `[{"mac":"${A}"}]`, 'mac.rock-os.io/lease': 'l-1' };
    expect(patchOf({}, all).map(({ path }) => path)).toEqual([
      '/metadata/annotations/mac.rock-os.io~1addresses',
      '/metadata/annotations/mac.rock-os.io~1lease',
    ]);
    expect(patchOf(undefined, all)).toMatchObject([{ op: 'add', path: '/metadata/annotations' }]);
  });

  test('gets the address on the replaced cluster network back', () => {
    const key = 'v1.multus-cni.io/default-network';
    expect(patchOf({ [key]: 'own' }, { [key]: `[{"name":"own","mac":"${A}"}]` })).toEqual([
      {
        op: 'add',
        path: '/metadata/annotations/v1.multus-cni.io~1default-network',
        value: `[{"name":"own","mac":"${A}"}]`,
      },
    ]);
  });

  test('leaves changed, new and removed networks alone', () => {
    const changed = '[{"name":"blue","mac":"02:00:00:00:00:01"},{"name":"green"}]';
    expect(patchOf({ [NETWORKS]: changed }, stored)).toEqual([]);
  });

  test('restores no address of another prefix', () => {
    const foreign = { [NETWORKS]: '[{"name":"blue","mac":"02:00:00:00:00:01"}]' };
    expect(patchOf({ [NETWORKS]: 'blue' }, foreign)).toEqual([]);
  });

  test('is not refused for malformed networks that were stored before', () => {
    const key = 'v1.multus-cni.io/default-network';
    expect(patchOf({ ...stored, [key]: 'own' }, { ...stored, [key]: 'own,other' })).toEqual([]);
    expect(patchOf({ [NETWORKS]: '[{', [key]: 'own' }, { [NETWORKS]: '[{' })).toEqual([]);
  });

  test('is not refused for an address that was stored before, even if it is none', () => {
    const odd = '[{"name":"blue","mac":"01:00:00:00:00:01"}]';
    expect(patchOf({ [NETWORKS]: `${odd.slice(0, -1)},{"name":"red"}]` }, { [NETWORKS]: odd })).toEqual([]);
  });

  test('does not restore a lease id that it changed, nor one that the pod never had', () => {
    const lease = 'mac.rock-os.io/lease';
    expect(patchOf({ ...stored, [lease]: 'l-2' }, { ...stored, [lease]: 'l-1' })).toMatchObject([{ value: 'l-1' }]);
    expect(patchOf({ ...stored, [lease]: 'l-2' }, stored)).toMatchObject([{ op: 'remove' }]);
  });

  describe('is held to what a create is held to:', () => {
    const C = mac('a4:58:0f:05:00:03');
    const withBlue = (address: string) => `[{"name":"blue","mac":"${address}"},{"name":"red","interface":"eth5"}]`;

    test.each([C, 'A4-58-0F-05-00-03', 'a458.0f05.0003'])('the ledger is asked for a new address, %s', (written) => {
      const plan = planOf({ [NETWORKS]: withBlue(written) }, stored);
      expect(plan.addressRequests).toEqual([{ nic: 'web/blue#0', requested: C }]);
      expect(JSON.stringify(plan.patch([C], undefined))).toContain(C);
    });

    test('the ledger is asked for the address of a new interface', () => {
      const networks = `${stored[NETWORKS].slice(0, -1)},{"name":"green","mac":"${C}"}]`;
      expect(planOf({ [NETWORKS]: networks }, stored).addressRequests).toEqual([{ nic: 'web/green#0', requested: C }]);
    });

    test('the ledger is asked for an address in cni-args, and on the replaced cluster network', () => {
      const key = 'v1.multus-cni.io/default-network';
      const own = `[{"name":"own","cni-args":{"mac":"${C}"}}]`;
      expect(planOf({ ...stored, [key]: own }, stored).addressRequests).toEqual([{ nic: 'primary', requested: C }]);
    });

    test('two interfaces may exchange their addresses without the ledger', () => {
      const exchanged = `[{"name":"blue","mac":"${B}"},{"name":"red","interface":"eth5","mac":"${A}"}]`;
      expect(patchOf({ [NETWORKS]: exchanged }, stored)).toEqual([]);
    });

    test.each([
      ['a multicast address', withBlue('01:00:5e:00:00:01'), /is a multicast address/],
      ['what is no address', withBlue('blue'), /is not a MAC address/],
      ['one address on two interfaces', withBlue(B), /is on two interfaces/],
      ['two addresses for one interface', `[{"name":"blue","mac":"${A}","cni-args":{"mac":"${B}"}}]`, /two addresses/],
      ['malformed networks', '[{', /not valid JSON/],
    ])('%s is refused', (_, networks, reason) => {
      expect(refusalOf(networks)).toMatch(reason);
    });
  });

  describe('updates the addresses annotation:', () => {
    const reported = (...addresses: object[]) => ({ [ADDRESSES]: JSON.stringify(addresses) });
    const own = { mac: 'a4:58:0f:05:00:09' };
    const blue = { network: 'web/blue', mac: A };
    const red = { network: 'web/red', interface: 'eth5', mac: B };

    /** Returns the addresses annotation after an update of only these networks. */
    function after(networks: string | undefined, before: Record<string, string>): unknown {
      const others = Object.entries(before).filter(([key]) => key !== NETWORKS);
      const now = { ...Object.fromEntries(others), ...(networks !== undefined && { [NETWORKS]: networks }) };
      const operation = patchOf(now, before).find(({ path }) => path.endsWith('addresses'));
      if (operation === undefined) return 'as before';
      return 'value' in operation ? JSON.parse(String(operation.value)) : operation.op;
    }

    test.each([
      ['removing a network removes its entry', 'red@eth5', [blue, red], [red]],
      ['removing all networks removes the annotation', undefined, [blue, red], 'remove'],
      ['removing all networks keeps the entry of the pod’s own interface', '', [own, blue, red], [own]],
      [
        'an address that is changed on purpose is listed',
        `[{"name":"blue","mac":"${B.toUpperCase()}"},{"name":"red","interface":"eth5","mac":"02:00:00:00:00:01"}]`,
        [blue, red],
        [{ network: 'web/blue', mac: B }],
      ],
      ['an address of another prefix is not listed', '[{"name":"blue","mac":"02:00:00:00:00:01"}]', [own, blue], [own]],
      ['a new network has no entry', 'blue,red@eth5,green', [blue, red], 'as before'],
    ])('%s', (_, networks, before, wanted) => {
      expect(after(networks, { ...stored, ...reported(...before) })).toEqual(wanted);
    });

    test('removing the replaced cluster network removes its entry', () => {
      const key = 'v1.multus-cni.io/default-network';
      const before = {
        [key]: `[{"name":"own","mac":"${A}"}]`,
        ...reported({ network: 'kube-system/own', mac: A }, red),
      };
      const now = { ...stored, ...reported({ network: 'kube-system/own', mac: A }, red) };
      expect(patchOf(now, { ...stored, ...before })).toEqual([
        { op: 'add', path: '/metadata/annotations/mac.rock-os.io~1addresses', value: JSON.stringify([blue, red]) },
      ]);
    });

    test('a pod without the annotation gets none', () => {
      expect(patchOf({ [NETWORKS]: 'blue' }, stored).map(({ path }) => path)).toEqual([PATH]);
    });
  });
});
