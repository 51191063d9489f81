import { expect, test } from 'vitest';
import { macSupport } from './cni-plugins.ts';

function chain(...types: string[]): string {
  return JSON.stringify({ cniVersion: '1.0.0', name: 'n', plugins: types.map((type) => ({ type })) });
}

test.each([
  ['a bridge', '{"type":"bridge"}', 'honoured'],
  ['macvlan with what belongs behind it', chain('macvlan', 'portmap', 'bandwidth'), 'honoured'],
  ['SR-IOV', chain('sriov'), 'honoured'],
  ['SR-IOV with a switch on the card', '{"type":"accelerated-bridge"}', 'honoured'],
  ['a bridge of OpenShift Virtualization', chain('cnv-bridge', 'cnv-tuning'), 'honoured'],
  ['tuning under the name of OpenShift Virtualization', chain('ptp', 'cnv-tuning'), 'honoured'],
  ['ipvlan with tuning under that name', chain('ipvlan', 'cnv-tuning'), 'ignored'],
  ['a bridge of Open vSwitch', '{"type":"ovs","bridge":"br1","vlan":100}', 'honoured'],
  ['macvtap', '{"type":"macvtap","mtu":1500}', 'honoured'],
  ['the overlays of OVN-Kubernetes', '{"type":"ovn-k8s-cni-overlay","topology":"layer2"}', 'honoured'],
  ['ipvlan', '{"type":"ipvlan","master":"eth0"}', 'ignored'],
  ['ipvlan with tuning, whose ADD would fail', chain('ipvlan', 'tuning'), 'ignored'],
  ['ptp, which drops it without a word', chain('ptp', 'portmap'), 'ignored'],
  ['ptp with tuning, which sets it', chain('ptp', 'tuning'), 'honoured'],
  ['a device of the host', '{"type":"host-device","device":"eth1"}', 'ignored'],
  ['a device of the host with its RDMA device', chain('host-device', 'rdma'), 'ignored'],
  ['a bond, which has the address of a link', '{"type":"bond","links":[{"name":"net1"}]}', 'ignored'],
  ['a device for AF_XDP', '{"type":"afxdp","mode":"primary"}', 'ignored'],
  ['an InfiniBand device', '{"type":"ib-sriov"}', 'ignored'],
  ['IP over InfiniBand', '{"type":"ipoib","master":"ib0"}', 'ignored'],
  ['a VLAN of Antrea', '{"type":"antrea","networkType":"vlan"}', 'honoured'],
  ['an SR-IOV network of Antrea', '{"type":"antrea","networkType":"sriov"}', 'ignored'],
  ['a plugin that nobody knows', '{"type":"acme-fabric"}', 'unknown'],
  ['a known one beside an unknown one', chain('ptp', 'acme-mac'), 'unknown'],
  ['a configuration that lies on the nodes', undefined, 'unknown'],
  ['no JSON', '{"type":', 'unknown'],
  ['an empty chain', '{"plugins":[]}', 'unknown'],
])('%s', (_, config, support) => {
  expect(macSupport(config)).toBe(support);
});
