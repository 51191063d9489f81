import { expect, test } from 'vitest';
import type { MacAddress } from '../../mac/mac-address.ts';
import { liveAddresses } from './live-address.ts';
import { podWorkload } from './pod.ts';
import { virtualMachineWorkload } from './virtual-machine.ts';
import { vmiResource } from './virtual-machine-instance.ts';
import type { Workload } from './workload.ts';

const MOST = 256;
const COUNT = 10_000;
const OURS = 'a4:58:0f:05:00:01';
const macs = Array.from({ length: COUNT }, (_, index) => `02:00:00:00:${octet(index >> 8)}:${octet(index & 255)}`);
const metadata = { name: 'p', namespace: 'web', uid: 'u', resourceVersion: '1' };
const owner = (kind: string) => [{ apiVersion: 'kubevirt.io/v1', kind, name: 'vm', uid: 'o', controller: true }];

function octet(value: number): string {
  return value.toString(16).padStart(2, '0');
}

function aPod(rest: object = {}) {
  const annotations = {
    'k8s.v1.cni.cncf.io/networks': `[{"name":"blue","mac":"${OURS}"}]`,
    'k8s.v1.cni.cncf.io/network-status': JSON.stringify(macs.map((mac) => ({ mac }))),
  };
  return podWorkload().resource.schema.parse({ metadata: { ...metadata, annotations, ...rest } });
}

function devices(interfaces: readonly object[]) {
  return { domain: { devices: { interfaces } } };
}

test.each<[string, () => Workload]>([
  ['in its network status', () => aPod()],
  ['for the instance that owns them', () => aPod({ ownerReferences: owner('VirtualMachineInstance') })],
  [
    'in its networks',
    () => {
      const networks = JSON.stringify([OURS, ...macs].map((mac) => ({ name: 'blue', mac })));
      return aPod({ annotations: { 'k8s.v1.cni.cncf.io/networks': networks } });
    },
  ],
  [
    'in the addresses that the webhook reports',
    () => {
      const addresses = JSON.stringify([OURS, ...macs].map((mac) => ({ network: 'web/blue', mac })));
      return aPod({ annotations: { 'mac.rock-os.io/addresses': addresses } });
    },
  ],
  [
    'in the network info of a launcher',
    () => {
      const interfaces = [OURS, ...macs].map((mac) => ({ network: 'blue', mac }));
      const annotations = { 'kubevirt.io/network-info': JSON.stringify({ interfaces }) };
      return aPod({ annotations, ownerReferences: owner('VirtualMachineInstance') });
    },
  ],
  [
    'in the template of a machine',
    () => {
      const interfaces = [OURS, ...macs].map((macAddress, index) => ({ name: `n${String(index)}`, macAddress }));
      return virtualMachineWorkload().resource.schema.parse({
        metadata,
        spec: { template: { spec: devices(interfaces) } },
      });
    },
  ],
  [
    'in the status of an instance',
    () => {
      const interfaces = macs.map((mac, index) => ({ name: `n${String(index)}`, mac }));
      const spec = devices([{ name: 'blue', macAddress: OURS }]);
      return vmiResource().schema.parse({ metadata, spec, status: { phase: 'Running', interfaces } });
    },
  ],
])('of ten thousand addresses %s an object uses the first, and its own', (_, parse) => {
  const { uses, nics, nicsOfOwner = [] } = parse();
  expect(uses).toHaveLength(MOST);
  expect(uses[0]).toBe(OURS);
  expect([...nics, ...nicsOfOwner].map(({ mac }) => mac)).toEqual(uses);
});

test('each of ten thousand interfaces is compared only with those of its address', () => {
  let reads = 0;
  const nics = macs.map((mac, index) => ({
    nic: `n${String(index)}`,
    get mac() {
      reads++;
      return mac as MacAddress;
    },
  }));
  const live = liveAddresses({ metadata, nics, uses: [] }, podWorkload(), { clusterId: 'c' });
  expect(live).toHaveLength(COUNT);
  expect(reads).toBeLessThanOrEqual(2 * COUNT);
});
