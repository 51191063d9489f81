import { describe, expect, test } from 'vitest';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { boundKey, claimKey, leaseKey, stickyKey } from '../../ledger/address/holder-key.ts';
import { mac } from '../../mac/mac-address.ts';
import type { LiveAddress } from '../live/live-address.ts';
import { classify } from './classify.ts';

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
    observed: false,
    metadata: {},
    allocatedAt: new Date(0),
    changedAt: new Date(0),
    requester: 'alice',
    actor: 'alice',
    reason: '',
    ...row,
  };
}

const requested = { ...POD, uid: undefined };
const webhook = { clusterId: 'c1', kind: 'Webhook', namespace: '', name: 'rock-mac-webhook-1', uid: 'h1', nic: '' };
const aStock = (row: Partial<AddressRow>) => aRow({ state: 'stocked', key: 'stock/f1/1', owner: webhook, ...row });
const claim = { ...POD, kind: 'MacAllocation', name: 'mine', uid: 'm1', nic: '' };
const aClaim = (row: Partial<AddressRow>) => aRow({ key: claimKey(claim), owner: claim, ...row });

const aSticky = (row: Partial<AddressRow>, owner = requested) => aRow({ key: stickyKey(owner), owner, ...row });

test.each([
  ['was never used', undefined, 'ungranted'],
  ['is bound to it', aRow({ key: KEY, owner: POD }), 'own'],
  ['is bound to it on an interface that no longer has it', aRow({ owner: { ...POD, nic: 'eth6' } }), 'renamed'],
  ['is bound to it on another interface, which has it too', aRow({ owner: { ...POD, nic: 'eth7' } }), 'conflict'],
  ['is bound to its namesake', aRow({ owner: { ...POD, uid: 'u2', nic: 'eth6' } }), 'conflict'],
  ['was requested under its name', aRow({ state: 'pending', owner: requested }), 'pending'],
  ['was requested under its name, with an expired lease', aRow({ state: 'released', owner: requested }), 'pending'],
  [
    'was requested under its lease id',
    aRow({ state: 'pending', key: leaseKey('l1', 'eth5'), owner: { ...requested, name: '' } }),
    'pending',
  ],
  [
    'was requested under another lease id',
    aRow({ state: 'pending', key: leaseKey('l2', 'eth5'), owner: { ...requested, name: '' } }),
    'conflict',
  ],
  [
    'was requested under its name for another interface',
    aRow({ state: 'pending', owner: { ...requested, nic: 'x' } }),
    'conflict',
  ],
  [
    'was requested under its name in another cluster',
    aRow({ state: 'pending', owner: { ...requested, clusterId: 'c2' } }),
    'conflict',
  ],
  [
    'was requested under its name in another namespace',
    aRow({ state: 'pending', owner: { ...requested, namespace: 'x' } }),
    'conflict',
  ],
  // An earlier pod of that name had it. The new pod is a new owner.
  ['its predecessor of the same name released', aRow({ state: 'released', owner: { ...POD, uid: 'u0' } }), 'ungranted'],
  ['its predecessor of the same name still holds', aRow({ owner: { ...POD, uid: 'u0' } }), 'conflict'],
  ['was released from it by mistake', aRow({ state: 'released', key: KEY, owner: POD }), 'ungranted'],
  ['may have been allocated in a replication gap', aRow({ state: 'orphaned', origin: 'replication-gap' }), 'ungranted'],
  ['belongs to its name', aSticky({}), 'sticky'],
  ['was requested for its name', aSticky({ state: 'pending' }), 'sticky'],
  ['belonged to its name, and nobody has it since', aSticky({ state: 'released' }), 'sticky'],
  ['belongs to its name on an interface that no longer has it', aSticky({}, { ...requested, nic: 'eth6' }), 'sticky'],
  [
    'belongs to its name on another interface, which has it too',
    aSticky({}, { ...requested, nic: 'eth7' }),
    'conflict',
  ],
  ['belongs to another name', aSticky({}, { ...requested, name: 'back' }), 'conflict'],
  ['belongs to the same name of another kind', aSticky({}, { ...requested, kind: 'VirtualMachine' }), 'conflict'],
  ['belongs to the same name of another namespace', aSticky({}, { ...requested, namespace: 'x' }), 'conflict'],
  ['belongs to the same name of another cluster', aSticky({}, { ...requested, clusterId: 'c2' }), 'conflict'],
  ['belonged to another name', aSticky({ state: 'released' }, { ...requested, name: 'back' }), 'ungranted'],
  ['is set aside for a webhook', aStock({}), 'stocked'],
  ['is set aside for a webhook of another cluster', aStock({ owner: { ...webhook, clusterId: 'c2' } }), 'conflict'],
  ['was set aside for a webhook', aStock({ state: 'released' }), 'ungranted'],
  [
    'was set aside for a webhook before a failover',
    aStock({ state: 'orphaned', origin: 'replication-gap' }),
    'ungranted',
  ],
  ['a device holds', aRow({ device: { id: 'host' } }), 'conflict'],
  ['an unused claim of its namespace holds', aClaim({}), 'claimed'],
  ['a claim of another namespace holds', aClaim({ owner: { ...claim, namespace: 'x' } }), 'conflict'],
  ['a claim holds, and it uses the claim', aClaim({ consumer: { ...POD, key: KEY } }), 'claimed'],
  [
    'a claim holds, and admission gave the claim to its name',
    aClaim({ consumer: { ...requested, key: 'named' } }),
    'claimed',
  ],
  [
    'a claim holds, and admission gave the claim to its lease id',
    aClaim({ consumer: { ...requested, name: '', key: leaseKey('l1', 'eth5') } }),
    'claimed',
  ],
  [
    'a claim holds, and it used the claim on a former interface',
    aClaim({ consumer: { ...POD, nic: 'eth6', key: 'x' } }),
    'claimed',
  ],
  [
    'a claim holds, and it uses the claim on another interface',
    aClaim({ consumer: { ...POD, nic: 'eth7', key: 'x' } }),
    'conflict',
  ],
  [
    'a claim holds, and another pod uses the claim',
    aClaim({ consumer: { ...POD, uid: 'u0', key: 'other' } }),
    'conflict',
  ],
])('an address of a live pod that %s gets its classification', (_, row, want) => {
  expect(classify(address, row)).toBe(want);
});

test.each<[string, Partial<AddressRow>, string]>([
  ['is set aside', {}, 'stocked'],
  ['was set aside', { state: 'released' }, 'stocked'],
  ['was set aside before a failover', { state: 'orphaned', origin: 'replication-gap' }, 'stocked'],
  ['was set aside in a cluster that is retired', { state: 'orphaned' }, 'stocked'],
  ['was set aside in another cluster', { state: 'released', owner: { ...webhook, clusterId: 'c2' } }, 'ungranted'],
  ['another pod had from stock', { state: 'released', key: 'object/c1/u0', owner: { ...POD, uid: 'u0' } }, 'ungranted'],
])('the token of a pod counts for an address that %s for a webhook: %o', (_, row, want) => {
  const stockToken = { text: 'v1.a.b', generateName: '' };
  expect(classify({ ...address, stockToken }, aStock(row))).toBe(want);
});

test.each([
  ['a deleted machine of its name', {}, 'inherited'],
  ['a machine of its name in another namespace', { namespace: 'x' }, 'conflict'],
  ['a machine of its name in another cluster', { clusterId: 'c2' }, 'conflict'],
  ['another machine', { name: 'other' }, 'conflict'],
  ['an instance of its name', { kind: 'VirtualMachineInstance' }, 'conflict'],
])('a machine inherits an address only from a deleted machine of its name, not from %s: %o', (_, change, want) => {
  const machine = { ...POD, kind: 'VirtualMachine', uid: 'v2' };
  const holder = { ...machine, uid: 'v1', ...change };
  expect(classify({ mac: MAC, owner: machine }, aRow({ owner: holder }))).toBe(want);
});

describe('a machine to which another machine offers an address', () => {
  const machine = { ...POD, kind: 'VirtualMachine', uid: 'v2' };
  const handover = {
    clusterId: 'c1',
    namespace: 'web',
    name: 'front',
    asked: 'web/front',
    since: new Date(0),
    ended: false,
    left: false,
  };
  const source = { ...machine, namespace: 'x', uid: 'v1' };

  test.each<[string, Partial<AddressRow>, string]>([
    ['it', {}, 'offered'],
    ['it, from another cluster', { owner: { ...source, clusterId: 'c2' } }, 'offered'],
    ['it, from its own namespace', { owner: { ...source, namespace: 'web', name: 'back' } }, 'offered'],
    ['another name', { handover: { ...handover, name: 'back' } }, 'conflict'],
    ['another namespace', { handover: { ...handover, namespace: 'x' } }, 'conflict'],
    ['another cluster', { handover: { ...handover, clusterId: 'c2' } }, 'conflict'],
  ])('is no conflict with it, if that names %s: %o', (_, change, want) => {
    expect(classify({ mac: MAC, owner: machine }, aRow({ owner: source, handover, ...change }))).toBe(want);
  });

  test('is a machine: neither a pod nor an instance of its name receives anything', () => {
    for (const kind of ['Pod', 'VirtualMachineInstance'])
      expect(classify({ mac: MAC, owner: { ...machine, kind } }, aRow({ owner: source, handover }))).toBe('conflict');
  });

  test('is no namesake of the source: that inherits nothing, because the guest may run at the receiver', () => {
    const namesake = { ...source, uid: 'v3' };
    expect(classify({ mac: MAC, owner: namesake }, aRow({ owner: source, handover }))).toBe('conflict');
    expect(classify({ mac: MAC, owner: namesake }, aRow({ owner: source }))).toBe('inherited');
  });
});

test('an instance whose machine was deleted without it has no conflict with the machine', () => {
  const owner = { ...POD, kind: 'VirtualMachineInstance', uid: 'i1' };
  const machine = { ...POD, kind: 'VirtualMachine', uid: 'v1' };
  expect(classify({ mac: MAC, owner }, aRow({ owner: machine }))).toBe('owned-by-parent');
  expect(classify({ mac: MAC, owner }, aRow({ owner: { ...machine, name: 'other' } }))).toBe('conflict');
});

test('an instance has no conflict with the claim that its machine uses', () => {
  const owner = { ...POD, kind: 'VirtualMachineInstance', uid: 'i1' };
  const machine = { ...POD, kind: 'VirtualMachine', uid: 'v1', key: 'k' };
  expect(classify({ mac: MAC, owner }, aClaim({ consumer: machine }))).toBe('owned-by-parent');
  expect(classify({ mac: MAC, owner }, aClaim({ consumer: { ...machine, name: 'other' } }))).toBe('conflict');
});

test('a launcher pod whose instance is gone has no conflict with the machine or the instance of that name', () => {
  const machine = { ...POD, kind: 'VirtualMachine', name: 'vm', uid: 'v1' };
  const launcher: LiveAddress = { ...address, runsFor: 'vm' };
  expect(classify(launcher, aRow({ owner: machine }))).toBe('owned-by-parent');
  expect(classify(launcher, aRow({ owner: { ...machine, kind: 'VirtualMachineInstance' } }))).toBe('owned-by-parent');
  expect(classify(launcher, aRow({ owner: { ...machine, name: 'other' } }))).toBe('conflict');
  expect(classify(launcher, aRow({ owner: { ...machine, namespace: 'x' } }))).toBe('conflict');
  expect(classify(address, aRow({ owner: machine }))).toBe('conflict');
});
