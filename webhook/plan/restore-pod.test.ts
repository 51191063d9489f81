import { describe, expect, test } from 'vitest';
import { parsePrefix, type MacPrefix } from '../../mac/mac-range.ts';
import { restorePod } from './restore-pod.ts';

const context = { namespace: 'web', multusNamespace: 'kube-system', prefix: parsePrefix('a4:58:0f') as MacPrefix };
const NETWORKS = 'k8s.v1.cni.cncf.io/networks';
const ADDRESSES = 'mac.rock-os.io/addresses';
const PATH = '/metadata/annotations/k8s.v1.cni.cncf.io~1networks';
const A = 'a4:58:0f:05:00:01';
const B = 'a4:58:0f:05:00:02';
const stored = { [NETWORKS]: `[{"mac":"${A}","name":"blue"},{"mac":"${B}","name":"red","interface":"eth5"}]` };

describe('an update of a pod', () => {
  test.each([
    ['in the form it was written in', 'blue,red@eth5'],
    ['with the networks in another order', '[{"name":"red","interface":"eth5"},{"name":"blue"}]'],
  ])('that dropped its addresses gets them back, %s', (_, networks) => {
    const [operation] = restorePod({ [NETWORKS]: networks }, stored, context);
    expect(operation).toMatchObject({ op: 'add', path: PATH });
    const attachments = JSON.parse(String(operation !== undefined && 'value' in operation && operation.value)) as {
      name: string;
      mac: string;
    }[];
    expect(Object.fromEntries(attachments.map(({ name, mac }) => [name, mac]))).toEqual({ blue: A, red: B });
  });

  test('that replaced all annotations gets those of rock-mac back too', () => {
    const all = { ...stored, [ADDRESSES]: `[{"mac":"${A}"}]`, 'mac.rock-os.io/lease': 'l-1' };
    expect(restorePod({}, all, context).map(({ path }) => path)).toEqual([
      '/metadata/annotations/mac.rock-os.io~1addresses',
      '/metadata/annotations/mac.rock-os.io~1lease',
    ]);
    expect(restorePod(undefined, all, context)).toMatchObject([{ op: 'add', path: '/metadata/annotations' }]);
  });

  test('gets the address on the replaced cluster network back', () => {
    const key = 'v1.multus-cni.io/default-network';
    expect(restorePod({ [key]: 'own' }, { [key]: `[{"name":"own","mac":"${A}"}]` }, context)).toEqual([
      {
        op: 'add',
        path: '/metadata/annotations/v1.multus-cni.io~1default-network',
        value: `[{"name":"own","mac":"${A}"}]`,
      },
    ]);
  });

  test('leaves changed, new and removed networks alone', () => {
    const changed = '[{"name":"blue","mac":"02:00:00:00:00:01"},{"name":"green"}]';
    expect(restorePod({ [NETWORKS]: changed }, stored, context)).toEqual([]);
  });

  test('restores no address of another prefix', () => {
    const foreign = { [NETWORKS]: '[{"name":"blue","mac":"02:00:00:00:00:01"}]' };
    expect(restorePod({ [NETWORKS]: 'blue' }, foreign, context)).toEqual([]);
  });

  test('with malformed networks is left for Multus to refuse', () => {
    expect(restorePod({ [NETWORKS]: '[{' }, stored, context)).toEqual([]);
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
      const operation = restorePod(now, before, context).find(({ path }) => path.endsWith('addresses'));
      if (operation === undefined) return 'as before';
      return 'value' in operation ? JSON.parse(String(operation.value)) : operation.op;
    }

    test.each([
      ['removing a network removes its entry', 'red@eth5', [blue, red], [red]],
      ['removing all networks removes the annotation', undefined, [blue, red], 'remove'],
      ['removing all networks keeps the entry of the pod’s own interface', '', [own, blue, red], [own]],
      [
        'an address that is changed on purpose is listed',
        `[{"name":"blue","mac":"${B.toUpperCase()}"}]`,
        [blue, red],
        [{ network: 'web/blue', mac: B }],
      ],
      ['an address of another prefix is not listed', '[{"name":"blue","mac":"02:00:00:00:00:01"}]', [own, blue], [own]],
      ['a new network has no entry', 'blue,red@eth5,green', [blue, red], 'as before'],
      ['malformed networks change nothing', '[{', [blue, red], 'as before'],
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
      expect(restorePod(now, { ...stored, ...before }, context)).toEqual([
        { op: 'add', path: '/metadata/annotations/mac.rock-os.io~1addresses', value: JSON.stringify([blue, red]) },
      ]);
    });

    test('a pod without the annotation gets none', () => {
      expect(restorePod({ [NETWORKS]: 'blue' }, stored, context).map(({ path }) => path)).toEqual([PATH]);
    });
  });
});
