import { expect, test } from 'vitest';
import type { KubeClient } from '../../kube/client/client.ts';
import type { KubeObject, ObjectKey } from '../../kube/client/objects.ts';
import { type Resource, resourcePath } from '../../kube/client/resource.ts';
import { mac } from '../../mac/mac-address.ts';
import { virtualMachineInstanceWorkload } from '../live/virtual-machine-instance.ts';
import { isSameGuest } from './same-guest.ts';

const MAC = mac('a4:58:0f:05:00:01');
const holder = { clusterId: 'c1', kind: 'VirtualMachine', namespace: 'team', name: 'vm', nic: 'net' };

test.each([
  ['is gone', 'vm', true],
  ['has no name yet', '', false],
])('an instance and the machine that holds its address, and %s, are one guest: %s', async (_, name, wanted) => {
  const client = {
    find: (resource: Resource<KubeObject>, key: ObjectKey) => {
      resourcePath(resource, key);
      return Promise.resolve(undefined);
    },
  } as unknown as KubeClient;
  const owner = {
    clusterId: 'c1',
    kind: 'VirtualMachineInstance',
    namespace: 'team',
    name: 'one',
    uid: 'u1',
    nic: 'net',
  };
  const metadata = { namespace: 'team', name: 'one', uid: 'u1', resourceVersion: '1' };
  const workload = { metadata, nics: [{ nic: 'net', mac: MAC }], uses: [MAC] };
  const address = { mac: MAC, owner, workload, kind: virtualMachineInstanceWorkload() };
  expect(await isSameGuest(address, { owner: { ...holder, name } }, client)).toBe(wanted);
});
