import { expect, test } from 'vitest';
import { macPrefix } from '../mac/mac-range.ts';
import { podNics } from './pod-nics.ts';

const PREFIXES = [macPrefix('a4:58:0f')];

function nicsOf(annotations: Record<string, string>) {
  return podNics({ namespace: 'web', annotations }, PREFIXES);
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
    { nic: 'web/blue#0', mac: 'a4:58:0f:05:00:01' },
    { nic: 'eth5', mac: 'a4:58:0f:05:00:02' },
    { nic: 'web/blue#0', mac: 'a4:58:0f:05:00:77', isOnlyReported: true },
    { nic: 'web/blue#1', mac: 'a4:58:0f:05:00:78', isOnlyReported: true },
  ]);
});

test('the address of the primary interface comes from our annotation', () => {
  expect(nicsOf({ 'mac.rock-os.io/addresses': '[{"mac":"a4:58:0f:05:00:01"}]' })).toEqual([
    { nic: 'primary', mac: 'a4:58:0f:05:00:01' },
  ]);
});

test('addresses under other prefixes are ignored, and so is a pod without any', () => {
  expect(nicsOf({ 'k8s.v1.cni.cncf.io/networks': '[{"name":"a","mac":"02:00:00:00:00:01"},{"name":"b"}]' })).toEqual(
    [],
  );
  expect(nicsOf({ 'k8s.v1.cni.cncf.io/networks': 'not [json' })).toEqual([]);
  expect(nicsOf({ 'mac.rock-os.io/addresses': '{"mac":1}' })).toEqual([]);
  expect(nicsOf({})).toEqual([]);
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
  expect(nicsOf(annotations)).toEqual([{ nic: 'web/blue#0', mac: 'a4:58:0f:05:00:01' }]);
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
  expect(nicsOf({ ...annotations, ...status(other) })).toEqual([{ ...nic, actualMac: other }]);
});

test('an address that only software in the pod reads is compared with no interface', () => {
  const status = '[{"mac":"0a:58:0a:f4:00:07","default":true}]';
  const annotations = { 'mac.rock-os.io/addresses': `[{"mac":"${A}"}]`, 'k8s.v1.cni.cncf.io/network-status': status };
  expect(nicsOf(annotations)).toEqual([{ nic: 'primary', mac: A }]);
});

test('an attached interface may really have another address, and then its network is named', () => {
  const annotations = {
    'k8s.v1.cni.cncf.io/networks': `[{"name":"blue","mac":"${A}"},{"name":"red","namespace":"lan","mac":"a4:58:0f:05:00:02"}]`,
    'k8s.v1.cni.cncf.io/network-status': `[{"name":"web/blue","mac":"${A}"},{"name":"lan/red","mac":"02:00:00:00:00:09"}]`,
  };
  expect(nicsOf(annotations)).toEqual([
    { nic: 'web/blue#0', mac: A, isSeen: true },
    { nic: 'lan/red#0', mac: 'a4:58:0f:05:00:02', actualMac: '02:00:00:00:00:09', network: 'lan/red' },
  ]);
});
