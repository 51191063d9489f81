import { expect, test } from 'vitest';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { mac } from '../../mac/mac-address.ts';
import { compareHolders } from './compare-holders.ts';
import type { LiveObject } from './overlap-detector.ts';

const address = mac('a4:58:0f:05:00:01');
const ids = new Map([
  ['north', 'id-north'],
  ['south', 'id-south'],
]);
const pod: LiveObject = { cluster: 'north', kind: 'Pod', namespace: 'team', name: 'web', uid: '1', macs: [address] };
const claim: LiveObject = { ...pod, kind: 'MacAllocation', name: 'claim', uid: 'c' };

function aRow(object: LiveObject, changes: Partial<AddressRow> = {}): AddressRow {
  const { cluster, kind, namespace, name, uid } = object;
  return {
    mac: address,
    pool: 'kubernetes',
    state: 'active',
    generation: 1,
    key: 'key',
    origin: 'allocate',
    observed: false,
    owner: { clusterId: ids.get(cluster) ?? '', kind, namespace, name, uid, nic: 'net1' },
    metadata: {},
    allocatedAt: new Date(0),
    changedAt: new Date(0),
    requester: 'test',
    actor: 'test',
    reason: '',
    ...changes,
  };
}

test('nothing is wrong when every object holds its address and every address has its object', () => {
  expect(compareHolders([pod], [aRow(pod)], ids)).toEqual([]);
});

test.each<[string, AddressRow | undefined]>([
  ['nobody', undefined],
  ['a pod of another uid', aRow({ ...pod, uid: '2' })],
  ['the pod of this name in another cluster', aRow({ ...pod, cluster: 'south' })],
  ['a question that was not bound', aRow(pod, { state: 'pending' })],
  ['nobody any more', aRow(pod, { state: 'released' })],
  ['a gap', aRow(pod, { state: 'orphaned', owner: undefined })],
])('an address of a pod that %s holds is wrong', (_, row) => {
  const wrong = compareHolders([pod], row === undefined ? [] : [row], ids);
  expect(wrong).toEqual([expect.stringContaining('a4:58:0f:05:00:01 is used by Pod team/web (1) in north')]);
});

test('an address that is not free and that nobody uses is wrong, a released one is not', () => {
  expect(compareHolders([], [aRow(pod)], ids)).toEqual([
    expect.stringContaining('a4:58:0f:05:00:01 is used by nobody'),
  ]);
  expect(compareHolders([], [aRow(pod, { state: 'released' })], ids)).toEqual([]);
});

test('a pod that uses a claim must be its consumer', () => {
  const user: LiveObject = { ...pod, claim: 'claim' };
  const consumer = { key: 'key', kind: 'Pod', name: 'web', uid: '1', nic: 'net1' };
  expect(compareHolders([claim, user], [aRow(claim, { consumer })], ids)).toEqual([]);
  expect(compareHolders([claim, user], [aRow(claim)], ids)).toHaveLength(1);
  expect(compareHolders([claim, user], [aRow(claim, { consumer: { ...consumer, uid: '2' } })], ids)).toHaveLength(1);
});
