import { expect, test } from 'vitest';
import { type MacPrefix, parsePrefix } from '../mac/mac-range.ts';
import { podNics } from './pod-nics.ts';

const PREFIX = parsePrefix('a4:58:0f') as MacPrefix;

function nicsOf(annotations: Record<string, string>) {
  return podNics({ namespace: 'web', annotations }, PREFIX);
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
