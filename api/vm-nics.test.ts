import { expect, test } from 'vitest';
import { macPrefix } from '../mac/mac-range.ts';
import { vmiNics, vmiStatusNics, vmNics } from './vm-nics.ts';

const PREFIXES = [macPrefix('a4:58:0f')];

function devices(...interfaces: unknown[]) {
  return { domain: { devices: { interfaces } } };
}

test('a virtual machine uses the addresses of its template, in any notation, by interface name', () => {
  const vm = { spec: { template: { spec: devices({ name: 'blue', macAddress: 'A4-58-0F-05-00-01', bridge: {} }) } } };
  expect(vmNics(vm, PREFIXES)).toEqual([{ nic: 'blue', mac: 'a4:58:0f:05:00:01' }]);
});

test('an instance uses the addresses of its spec, and its status has the observed ones', () => {
  const instance = {
    spec: devices({ name: 'blue', macAddress: 'a4:58:0f:05:00:01' }, { name: 'red' }),
    status: { interfaces: [{ name: 'red', mac: 'a4:58:0f:05:00:02' }, { mac: 'a4:58:0f:05:00:03' }] },
  };
  expect(vmiNics(instance, PREFIXES)).toEqual([{ nic: 'blue', mac: 'a4:58:0f:05:00:01' }]);
  expect(vmiStatusNics(instance, PREFIXES)).toEqual([
    { nic: 'red', mac: 'a4:58:0f:05:00:02' },
    { nic: '', mac: 'a4:58:0f:05:00:03' },
  ]);
});

test('an instance shows which of its interfaces have the address of its spec, and which have another', () => {
  const [A, B, C] = ['a4:58:0f:05:00:01', 'a4:58:0f:05:00:02', 'a4:58:0f:05:00:03'];
  const names = { right: A, wrong: B, silent: C };
  const instance = {
    spec: devices(...Object.entries(names).map(([name, macAddress]) => ({ name, macAddress }))),
    status: {
      interfaces: [
        { name: 'wrong', mac: '02:00:00:00:00:09' },
        { name: 'right', mac: A.toUpperCase() },
        { name: 'silent' },
      ],
    },
  };
  expect(vmiNics(instance, PREFIXES)).toEqual([
    { nic: 'right', mac: A, isSeen: true },
    { nic: 'wrong', mac: B, actualMac: '02:00:00:00:00:09' },
    { nic: 'silent', mac: C },
  ]);
});

test.each([
  ['no template', { spec: {} }],
  ['null on the way', { spec: { template: null } }],
  ['interfaces that are not a list', { spec: { template: { spec: devices() } }, x: 1 }],
  ['an entry that is not an object', { spec: { template: { spec: devices(7, null, 'a4:58:0f:05:00:01') } } }],
  [
    'an address of another prefix',
    { spec: { template: { spec: devices({ name: 'a', macAddress: '02:00:00:00:00:01' }) } } },
  ],
  ['a name of the prototype', { spec: { template: { spec: { domain: Object.create({ devices: {} }) as object } } } }],
  ['nothing at all', undefined],
])('with %s a virtual machine uses no address of ours', (_, vm) => {
  expect(vmNics(vm, PREFIXES)).toEqual([]);
});
