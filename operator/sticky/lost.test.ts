import { expect, test } from 'vitest';
import { isLost } from './lost.ts';

const claim = { spec: { pool: 'kubernetes', ledger: { generation: 3, clusterId: 'here' } } };
const owner = { clusterId: 'here', kind: 'Pod', namespace: 'default', name: 'web-0', nic: 'lan' };
const KEY = 'sticky/here/default/Pod/web-0/lan';
const address = { key: KEY, owner };

test.each<[string, Parameters<typeof isLost>[2], boolean]>([
  ['that the ledger never handed out is lost', undefined, true],
  ['of an earlier owner is lost', { generation: 2, key: 'object/x', origin: 'allocate' }, true],
  [
    'that was given to somebody else in another history is lost',
    { generation: 3, key: 'object/x', origin: 'allocate' },
    true,
  ],
  ['that was set aside after a failover is lost', { generation: 4, key: 'gap/1', origin: 'replication-gap' }, true],
  ['that was released by the ledger is not', { generation: 3, key: KEY, origin: 'allocate' }, false],
  ['that has had another owner since is not', { generation: 4, key: 'object/x', origin: 'allocate' }, false],
])('the address of a sticky claim %s', (_, row, wanted) => {
  expect(isLost(claim, address, row)).toBe(wanted);
});

test('the address of a sticky claim that was copied from another cluster is not lost', () => {
  expect(isLost(claim, { key: KEY, owner: { ...owner, clusterId: 'copy' } }, undefined)).toBe(false);
});
