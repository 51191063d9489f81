import { expect, test } from 'vitest';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { boundKey, claimKey, leaseKey } from '../../ledger/address/holder-key.ts';
import { mac } from '../../mac/mac-address.ts';
import { classify, type LiveAddress } from './classify.ts';

const MAC = mac('a4:58:0f:05:00:01');
const POD = { clusterId: 'c1', kind: 'Pod', namespace: 'web', name: 'front', uid: 'u1', nic: 'eth5' };
const KEY = boundKey({ ...POD, mac: MAC });
const address: LiveAddress = { mac: MAC, owner: POD, lease: 'l1', alsoOn: ['eth7'] };

function aRow(row: Partial<AddressRow>): AddressRow {
  return {
    mac: MAC,
    pool: 'kubernetes',
    state: 'active',
    generation: 1,
    key: 'somebody',
    origin: 'allocate',
    metadata: {},
    allocatedAt: new Date(0),
    changedAt: new Date(0),
    requester: 'alice',
    actor: 'alice',
    reason: '',
    ...row,
  };
}

const asked = { ...POD, uid: undefined };
const claim = { ...POD, kind: 'MacAllocation', name: 'mine', uid: 'm1', nic: '' };
const aClaim = (row: Partial<AddressRow>) => aRow({ key: claimKey(claim), owner: claim, ...row });

test.each([
  ['nobody ever had', undefined, 'free'],
  ['is bound to it', aRow({ key: KEY, owner: POD }), 'own'],
  [
    'is bound to it on an interface that does not carry it any more',
    aRow({ owner: { ...POD, nic: 'eth6' } }),
    'renamed',
  ],
  ['is bound to it on another interface, which carries it too', aRow({ owner: { ...POD, nic: 'eth7' } }), 'conflict'],
  ['is bound to its namesake', aRow({ owner: { ...POD, uid: 'u2', nic: 'eth6' } }), 'conflict'],
  ['was asked for by its name', aRow({ state: 'pending', owner: asked }), 'pending'],
  ['was asked for by its name, and whose lease is over', aRow({ state: 'released', owner: asked }), 'pending'],
  [
    'was asked for by its lease id',
    aRow({ state: 'pending', key: leaseKey('l1', 'eth5'), owner: { ...asked, name: '' } }),
    'pending',
  ],
  [
    'was asked for by another lease id',
    aRow({ state: 'pending', key: leaseKey('l2', 'eth5'), owner: { ...asked, name: '' } }),
    'conflict',
  ],
  [
    'was asked for by its name for another interface',
    aRow({ state: 'pending', owner: { ...asked, nic: 'x' } }),
    'conflict',
  ],
  [
    'was asked for by its name in another cluster',
    aRow({ state: 'pending', owner: { ...asked, clusterId: 'c2' } }),
    'conflict',
  ],
  [
    'was asked for by its name in another namespace',
    aRow({ state: 'pending', owner: { ...asked, namespace: 'x' } }),
    'conflict',
  ],
  // An earlier pod of that name had it: this is a new owner, which counts as one.
  ['its predecessor under the same name gave up', aRow({ state: 'released', owner: { ...POD, uid: 'u0' } }), 'free'],
  ['its predecessor under the same name still holds', aRow({ owner: { ...POD, uid: 'u0' } }), 'conflict'],
  ['it was released from by mistake', aRow({ state: 'released', key: KEY, owner: POD }), 'free'],
  ['may have been handed out before a failover', aRow({ state: 'orphaned', origin: 'replication-gap' }), 'free'],
  ['a device holds', aRow({ device: { id: 'host' } }), 'conflict'],
  ['a claim of its namespace holds that nobody uses', aClaim({}), 'claimed'],
  ['a claim of another namespace holds', aClaim({ owner: { ...claim, namespace: 'x' } }), 'conflict'],
  ['a claim holds that it uses', aClaim({ consumer: { ...POD, key: KEY } }), 'claimed'],
  ['a claim holds that admission gave to its name', aClaim({ consumer: { ...asked, key: 'named' } }), 'claimed'],
  [
    'a claim holds that admission gave to its lease id',
    aClaim({ consumer: { ...asked, name: '', key: leaseKey('l1', 'eth5') } }),
    'claimed',
  ],
  [
    'a claim holds that it used on an interface before',
    aClaim({ consumer: { ...POD, nic: 'eth6', key: 'x' } }),
    'claimed',
  ],
  [
    'a claim holds that it uses on another interface',
    aClaim({ consumer: { ...POD, nic: 'eth7', key: 'x' } }),
    'conflict',
  ],
  ['a claim holds that another pod uses', aClaim({ consumer: { ...POD, uid: 'u0', key: 'other' } }), 'conflict'],
])('a live pod may carry an address that %s', (_, row, want) => {
  expect(classify(address, row)).toBe(want);
});

test('an instance whose machine was deleted without it does not fight for its address', () => {
  const owner = { ...POD, kind: 'VirtualMachineInstance', uid: 'i1' };
  const machine = { ...POD, kind: 'VirtualMachine', uid: 'v1' };
  expect(classify({ mac: MAC, owner }, aRow({ owner: machine }))).toBe('owned-by-parent');
  expect(classify({ mac: MAC, owner }, aRow({ owner: { ...machine, name: 'other' } }))).toBe('conflict');
});
