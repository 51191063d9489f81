import { expect, test } from 'vitest';
import type { KubeClient } from '../../kube/client/client.ts';
import type { KubeObject, ObjectKey } from '../../kube/client/objects.ts';
import { type Resource, resourcePath } from '../../kube/client/resource.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { mac } from '../../mac/mac-address.ts';
import { machines } from '../live/kubevirt-kinds.ts';
import { virtualMachineWorkload } from '../live/virtual-machine.ts';
import { type LeaveDeps, leaveToReceiver } from './leave-to-receiver.ts';

const MAC = mac('a4:58:0f:05:00:01');
const row: AddressRow = {
  mac: MAC,
  pool: 'production',
  state: 'active',
  generation: 1,
  key: 'object/c1/u0',
  origin: 'allocate',
  observed: false,
  metadata: {},
  allocatedAt: new Date(0),
  changedAt: new Date(0),
  requester: 'bob',
  actor: 'bob',
  reason: '',
};

test.each([
  ['vm', true],
  ['a%2fb', false],
  ['..', false],
])('the receiver %j of an address may have it: %s', async (name, inUse) => {
  const asked: unknown[] = [];
  const client = {
    find: (resource: Resource<KubeObject>, key: ObjectKey) => {
      resourcePath(resource, key);
      return Promise.resolve({ uses: [MAC] });
    },
  } as unknown as KubeClient;
  const ledger = {
    query: ({ values: [json] }: { values: unknown[] }) => {
      asked.push(JSON.parse(String(json)));
      return Promise.resolve([{ outcome: inUse ? 'left' : 'no_receiver' }]);
    },
  };
  const workloads = new Map([[machines.kind, { kind: virtualMachineWorkload() }]]);
  const deps = { ledger, client, clusterId: 'c1', workloads } as unknown as LeaveDeps;
  const handover = { clusterId: 'c1', namespace: 'team', name } as AddressRow['handover'];
  expect(await leaveToReceiver({ ...row, handover }, deps)).toBe(inUse ? 'left' : undefined);
  expect(asked).toMatchObject([[{ in_use: inUse }]]);
});
