import { expect, test } from 'vitest';
import type { Owner } from '../../ledger/address/owner.ts';
import type { AdmittedObject } from '../review/admitted-object.ts';
import { isOfNamesake } from './inherited-address.ts';

const machine: AdmittedObject = {
  kind: 'VirtualMachine',
  namespace: 'web',
  name: 'back',
  leaseId: undefined,
  requester: { username: 'ann' },
};
const owner: Owner = { clusterId: 'c', kind: 'VirtualMachine', namespace: 'web', name: 'back', uid: 'u1', nic: 'blue' };
const held = { state: 'active', owner, allocatedAt: new Date(2_000) } as const;
const since = new Date(1_000);

test.each([
  ['a machine of its name', held, since, true],
  ['a machine of its name from before its namespace was created again', held, new Date(3_000), false],
  ['a machine of its name in a namespace of unknown age', held, undefined, false],
  ['an instance of its name', { ...held, owner: { ...owner, kind: 'VirtualMachineInstance' } }, since, false],
  ['a claim of its name', { ...held, owner: { ...owner, kind: 'MacAllocation' } }, since, false],
  ['another machine', { ...held, owner: { ...owner, name: 'front' } }, since, false],
  ['a machine of its name in another namespace', { ...held, owner: { ...owner, namespace: 'x' } }, since, false],
  ['a machine of its name in another cluster', { ...held, owner: { ...owner, clusterId: 'd' } }, since, false],
  ['a device', { ...held, owner: undefined }, since, false],
  [
    'a machine of its name that offered it to a receiver',
    {
      ...held,
      handover: {
        clusterId: 'c',
        namespace: 'new',
        name: 'back',
        asked: 'new/back',
        since: new Date(0),
        ended: false,
        left: false,
      },
    },
    since,
    false,
  ],
  ['nobody any more', { ...held, state: 'released' }, since, false],
] as const)('a machine that is made again inherits an address held by %s: %o, %o: %s', (_, row, created, inherits) => {
  expect(isOfNamesake(row, { object: machine, terms: { since: created } }, 'c')).toBe(inherits);
});
