import { expect, test } from 'vitest';
import type { Owner } from '../../ledger/address/owner.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { isHandedToName } from './earlier-admission.ts';

const NIC = 'web/blue#0';
const pod: AdmittedObject = {
  kind: 'Pod',
  namespace: 'web',
  name: 'front',
  leaseId: undefined,
  requester: { username: 'ann' },
};
const owner: Owner = { clusterId: 'c', kind: 'Pod', namespace: 'web', name: 'front', nic: NIC };
const claim: Owner = { ...owner, kind: 'MacAllocation', name: 'mine', uid: 'm', nic: '' };
const consumer = { key: 'k', kind: 'Pod', name: 'front', nic: NIC };

test.each([
  ['pending for its name', { state: 'pending', owner }, true],
  ['pending for another interface of its name', { state: 'pending', owner: { ...owner, nic: 'web/red#0' } }, false],
  ['pending for another name', { state: 'pending', owner: { ...owner, name: 'back' } }, false],
  ['pending for its name in another namespace', { state: 'pending', owner: { ...owner, namespace: 'x' } }, false],
  ['pending for its name in another cluster', { state: 'pending', owner: { ...owner, clusterId: 'd' } }, false],
  ['pending for a VM of its name', { state: 'pending', owner: { ...owner, kind: 'VirtualMachine' } }, false],
  ['held by a stored pod of its name', { state: 'active', owner: { ...owner, uid: 'u' } }, false],
  ['released by a pod of its name', { state: 'released', owner }, false],
  ['held by a claim that was given to its name', { state: 'active', owner: claim, consumer }, true],
  ['held by a claim that nobody uses', { state: 'active', owner: claim }, false],
  ['held by a claim of a stored pod', { state: 'active', owner: claim, consumer: { ...consumer, uid: 'u' } }, false],
  ['held by a claim of another name', { state: 'active', owner: claim, consumer: { ...consumer, name: 'b' } }, false],
  ['held by a device', { state: 'active' }, false],
] as const)('an address that is %s: %o is the object’s own: %s', (_, row, isOwn) => {
  expect(isHandedToName(row, NIC, pod, 'c')).toBe(isOwn);
});

test('no address was given to an object that has no name yet', () => {
  expect(isHandedToName({ state: 'pending', owner: { ...owner, name: '' } }, NIC, { ...pod, name: '' }, 'c')).toBe(
    false,
  );
});
