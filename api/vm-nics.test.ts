import { expect, test } from 'vitest';
import { vmiNics, vmiOnWire, vmiStatusNics, vmNics } from './vm-nics.ts';

function devices(...interfaces: unknown[]) {
  return { domain: { devices: { interfaces } } };
}

test('a virtual machine uses the addresses of its template, in any notation, by interface name', () => {
  const vm = { spec: { template: { spec: devices({ name: 'blue', macAddress: 'A4-58-0F-05-00-01', bridge: {} }) } } };
  expect(vmNics(vm)).toEqual([{ nic: 'blue', mac: 'a4:58:0f:05:00:01' }]);
});

test('an instance uses the addresses of its spec, and its status has the observed ones', () => {
  const instance = {
    spec: devices({ name: 'blue', macAddress: 'a4:58:0f:05:00:01' }, { name: 'red' }),
    status: { interfaces: [{ name: 'red', mac: 'a4:58:0f:05:00:02' }, { mac: 'a4:58:0f:05:00:03' }] },
  };
  expect(vmiNics(instance)).toEqual([{ nic: 'blue', mac: 'a4:58:0f:05:00:01' }]);
  expect(vmiStatusNics(instance)).toEqual([
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
  expect(vmiNics(instance)).toEqual([
    { nic: 'right', mac: A, isSeen: true },
    { nic: 'wrong', mac: B, actualMac: '02:00:00:00:00:09' },
    { nic: 'silent', mac: C },
  ]);
});

test('interfaces of Multus have their networks, in the namespace of the object if they name none', () => {
  const networks = [
    { name: 'blue', multus: { networkName: 'net' } },
    { name: 'red', multus: { networkName: 'lab/net' } },
    { name: 'own', pod: {} },
  ];
  const interfaces = ['blue', 'red', 'own'].map((name, index) => ({ name, mac: `02:00:00:00:00:0${String(index)}` }));
  const spec = { ...devices(...interfaces.map(({ name }) => ({ name }))), networks };
  const instance = { metadata: { namespace: 'web' }, spec, status: { interfaces } };
  expect(vmiStatusNics(instance).map(({ network }) => network)).toEqual(['web/net', 'lab/net', undefined]);
});

test('an interface reaches a network unless it is inside of the guest, or behind masquerade', () => {
  const spec = devices({ name: 'blue', bridge: {} }, { name: 'own', masquerade: {} });
  const interfaces = [
    { name: 'blue', mac: '02:00:00:00:00:01' },
    { name: 'own', mac: '02:00:00:00:00:02' },
    { mac: '02:00:00:00:00:03', interfaceName: 'docker0' },
  ];
  expect(vmiOnWire({ spec, status: { interfaces } })).toEqual([{ name: 'blue', mac: '02:00:00:00:00:01' }]);
});

test.each([
  ['no template', { spec: {} }],
  ['null on the way', { spec: { template: null } }],
  ['interfaces that are not a list', { spec: { template: { spec: devices() } }, x: 1 }],
  ['an entry that is not an object', { spec: { template: { spec: devices(7, null, 'a4:58:0f:05:00:01') } } }],
  ['a name of the prototype', { spec: { template: { spec: { domain: Object.create({ devices: {} }) as object } } } }],
  ['nothing at all', undefined],
])('with %s a virtual machine uses no address', (_, vm) => {
  expect(vmNics(vm)).toEqual([]);
});
