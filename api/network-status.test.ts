import { expect, test } from 'vitest';
import { NETWORK_STATUS_ANNOTATION } from './multus-networks.ts';
import { attachedMacsInNetworkStatus, ownMacInNetworkStatus } from './network-status.ts';

function macOf(status: string) {
  return ownMacInNetworkStatus({ [NETWORK_STATUS_ANNOTATION]: status });
}

test('the address of the own interface is that of the default network', () => {
  const attached = '{"name":"web/blue","interface":"net1","mac":"A4:58:0F:05:00:02","dns":{}}';
  const own = '{"name":"k8s-pod-network","interface":"eth0","mac":"A4:58:0F:05:00:01","default":true,"dns":{}}';
  expect(macOf(`[${attached},${own}]`)).toBe('a4:58:0f:05:00:01');
});

test('a primary network of the user goes before the cluster network, which is locked then', () => {
  const locked = '{"name":"ovn-kubernetes","interface":"eth0","mac":"0a:58:0a:82:00:7f"}';
  const primary = '{"name":"ovn-kubernetes","interface":"ovn-udn1","mac":"a4:58:0f:05:00:01","default":true}';
  expect(macOf(`[${locked},${primary}]`)).toBe('a4:58:0f:05:00:01');
});

test.each(['', 'not [json', '{}', '[]', '[{"default":true}]', '[{"default":true,"mac":"no"}]', '[{"mac":1}]'])(
  'nothing is known from %j',
  (status) => {
    expect(macOf(status)).toBeUndefined();
  },
);

const [A, B, C] = ['a4:58:0f:05:00:01', 'a4:58:0f:05:00:02', 'a4:58:0f:05:00:03'];
const BLUE = { network: 'web/blue' };
const RED = { network: 'web/red' };

test.each([
  [
    'by its network',
    [BLUE, RED],
    [
      { name: 'web/red', mac: B },
      { name: 'web/blue', mac: A },
    ],
    [[A], [B]],
  ],
  [
    'by its name',
    [{ ...BLUE, interfaceName: 'a0' }, BLUE],
    [
      { name: 'web/blue', interface: 'net2', mac: B },
      { name: 'x', interface: 'a0', mac: A },
    ],
    [[A], [B]],
  ],
  [
    'in the order of the attachments',
    [BLUE, RED, BLUE],
    [
      { name: 'web/blue', mac: A },
      { name: 'web/red', mac: C },
      { name: 'web/blue', mac: B },
    ],
    [[A], [C], [B]],
  ],
  [
    'of a plugin that creates several',
    [BLUE],
    [
      { name: 'web/blue', interface: 'net1', mac: A },
      { name: 'web/blue', interface: 'net1.7', mac: B },
    ],
    [[A, B]],
  ],
  [
    'only if the reports of a network match its attachments in number',
    [BLUE, BLUE],
    [{ name: 'web/blue', mac: A }],
    [[], []],
  ],
  ['only with an address', [BLUE, RED], [{ name: 'web/blue' }, { name: 'web/red', mac: 'none' }], [[], []]],
  ['only beside the own interface', [BLUE], [{ name: 'web/blue', mac: A, default: true }], [[]]],
  ['only once Multus reported', [BLUE], [], [[]]],
] as const)('the address of an attached interface is found %s', (_, attachments, status, wanted) => {
  const annotations = { [NETWORK_STATUS_ANNOTATION]: JSON.stringify(status) };
  expect(attachedMacsInNetworkStatus(annotations, attachments)).toEqual(wanted);
});
