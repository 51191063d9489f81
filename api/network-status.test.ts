import { expect, test } from 'vitest';
import { NETWORK_STATUS_ANNOTATION } from './multus-networks.ts';
import { ownMacInNetworkStatus } from './network-status.ts';

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
