import { expect, test } from 'vitest';
import { podNics } from './pod-nics.ts';

function nicsOf(annotations: Record<string, string>) {
  return podNics({ namespace: 'web', annotations });
}

test('a pod uses the addresses of its networks annotation, and those that only our own annotation reports', () => {
  expect(
    nicsOf({
      'k8s.v1.cni.cncf.io/networks':
        '[{"name":"blue","mac":"A4-58-0F-05-00-01"},{"name":"red","interface":"eth5","mac":"a4:58:0f:05:00:02"}]',
      'mac.rock-os.io/addresses':
        '[{"network":"web/blue","mac":"a4:58:0f:05:00:77"},{"network":"web/blue","mac":"a4:58:0f:05:00:78"},{"network":"web/red","interface":"eth5","mac":"a4:58:0f:05:00:02"},{"network":"web/red","interface":"eth6","mac":"02:00:00:00:00:01"}]',
    }),
  ).toEqual([
    { nic: 'web/blue#0', mac: 'a4:58:0f:05:00:01', network: 'web/blue' },
    { nic: 'eth5', mac: 'a4:58:0f:05:00:02', network: 'web/red' },
    { nic: 'web/blue#0', mac: 'a4:58:0f:05:00:77', network: 'web/blue', isOnlyReported: true },
    { nic: 'web/blue#1', mac: 'a4:58:0f:05:00:78', network: 'web/blue', isOnlyReported: true },
    { nic: 'eth6', mac: '02:00:00:00:00:01', network: 'web/red', isOnlyReported: true },
  ]);
});

test('the address of the primary interface comes from our annotation', () => {
  expect(nicsOf({ 'mac.rock-os.io/addresses': '[{"mac":"a4:58:0f:05:00:01"}]' })).toEqual([
    { nic: 'primary', mac: 'a4:58:0f:05:00:01' },
  ]);
});

test('addresses of any prefix are read, and a pod may have none', () => {
  expect(nicsOf({ 'k8s.v1.cni.cncf.io/networks': '[{"name":"a","mac":"02:00:00:00:00:01"},{"name":"b"}]' })).toEqual([
    { nic: 'web/a#0', mac: '02:00:00:00:00:01', network: 'web/a' },
  ]);
  expect(nicsOf({ 'k8s.v1.cni.cncf.io/networks': 'not [json' })).toEqual([]);
  expect(nicsOf({ 'mac.rock-os.io/addresses': '{"mac":1}' })).toEqual([]);
  expect(nicsOf({})).toEqual([]);
});

test('an address that only Multus reports has the name of its interface in the ledger', () => {
  const status = [
    { name: 'cbr0', interface: 'eth0', mac: '0a:58:0a:f4:00:07', default: true },
    { name: 'web/blue', interface: 'net1', mac: '02:00:00:00:00:01' },
    { name: 'web/red', interface: 'fast', mac: '02-00-00-00-00-02' },
    { name: 'web/blue', interface: 'net2', mac: '02:00:00:00:00:03' },
    { name: 'web/blue', interface: 'net3', mac: '02:00:00:00:00:04' },
    { name: 'web/blue', interface: 'net4', mac: 'no address' },
  ];
  expect(
    nicsOf({
      'k8s.v1.cni.cncf.io/networks': 'blue,red@fast,blue',
      'k8s.v1.cni.cncf.io/network-status': JSON.stringify(status),
    }),
  ).toEqual([
    { nic: 'primary', mac: '0a:58:0a:f4:00:07' },
    { nic: 'web/blue#0', mac: '02:00:00:00:00:01', network: 'web/blue' },
    { nic: 'fast', mac: '02:00:00:00:00:02', network: 'web/red' },
    { nic: 'web/blue#1', mac: '02:00:00:00:00:03', network: 'web/blue' },
    { nic: 'net3', mac: '02:00:00:00:00:04', network: 'web/blue' },
  ]);
});

test('the address of the primary interface comes from Kube-OVN where no webhook gave one', () => {
  const annotations = { 'ovn.kubernetes.io/mac_address': 'A4:58:0F:05:00:02' };
  expect(nicsOf(annotations)).toEqual([{ nic: 'primary', mac: 'a4:58:0f:05:00:02' }]);
  expect(nicsOf({ ...annotations, 'mac.rock-os.io/addresses': '[{"mac":"a4:58:0f:05:00:01"}]' })).toEqual([
    { nic: 'primary', mac: 'a4:58:0f:05:00:01' },
  ]);
});

test('the address on a network of Kube-OVN may be in the annotation of its provider', () => {
  const annotations = {
    'k8s.v1.cni.cncf.io/networks': 'blue',
    'blue.web.ovn.kubernetes.io/mac_address': 'a4:58:0f:05:00:01',
  };
  expect(nicsOf(annotations)).toEqual([{ nic: 'web/blue#0', mac: 'a4:58:0f:05:00:01', network: 'web/blue' }]);
});

const A = 'a4:58:0f:05:00:01';

test.each([
  ['calico', { 'cni.projectcalico.org/hwAddr': A, 'mac.rock-os.io/addresses': `[{"mac":"${A}"}]` }],
  ['kube-ovn', { 'ovn.kubernetes.io/mac_address': A, 'mac.rock-os.io/addresses': `[{"mac":"${A}"}]` }],
  ['ovn-kubernetes', { 'v1.multus-cni.io/default-network': `[{"name":"default","namespace":"ovn","mac":"${A}"}]` }],
])('the primary interface may really have another address: %s', (_, annotations) => {
  const status = (mac: string) => ({ 'k8s.v1.cni.cncf.io/network-status': `[{"mac":"${mac}","default":true}]` });
  const nic = { nic: 'primary', mac: A };
  expect(nicsOf(annotations)).toEqual([nic]);
  expect(nicsOf({ ...annotations, ...status('A4:58:0F:05:00:01') })).toEqual([{ ...nic, isSeen: true }]);
  const other = '0a:58:0a:f4:00:07';
  expect(nicsOf({ ...annotations, ...status(other) })).toEqual([
    { ...nic, actualMac: other },
    { nic: 'primary', mac: other },
  ]);
});

test('an address that only software in the pod reads is compared with no interface', () => {
  const status = '[{"mac":"0a:58:0a:f4:00:07","default":true}]';
  const annotations = { 'mac.rock-os.io/addresses': `[{"mac":"${A}"}]`, 'k8s.v1.cni.cncf.io/network-status': status };
  expect(nicsOf(annotations)[0]).toEqual({ nic: 'primary', mac: A });
});

test('an attached interface may really have another address', () => {
  const annotations = {
    'k8s.v1.cni.cncf.io/networks': `[{"name":"blue","mac":"${A}"},{"name":"red","namespace":"lan","mac":"a4:58:0f:05:00:02"}]`,
    'k8s.v1.cni.cncf.io/network-status': `[{"name":"web/blue","mac":"${A}"},{"name":"lan/red","mac":"02:00:00:00:00:09"}]`,
  };
  expect(nicsOf(annotations)).toEqual([
    { nic: 'web/blue#0', mac: A, isSeen: true, network: 'web/blue' },
    { nic: 'lan/red#0', mac: 'a4:58:0f:05:00:02', actualMac: '02:00:00:00:00:09', network: 'lan/red' },
    { nic: 'lan/red#0', mac: '02:00:00:00:00:09', network: 'lan/red' },
  ]);
});
