import { describe, expect, test } from 'vitest';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { mac } from '../../mac/mac-address.ts';
import { type Evidence, findGrant, isLimited, type NamespaceEvidence } from './grant.ts';

const registered = new Date('2026-03-01T00:00:00Z');
const before = new Date('2026-02-01T00:00:00Z');
const later = new Date('2026-04-01T00:00:00Z');
const now = new Date('2026-04-02T00:00:00Z');

const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'web', name: 'web-0', uid: 'u2', nic: 'web/net#0' };

const plain: NamespaceEvidence = { createdAt: before, isOptedIn: false, pool: undefined, adopts: undefined };
const optedIn: NamespaceEvidence = { ...plain, isOptedIn: true, pool: 'kubernetes' };

const stray: Evidence = {
  occasion: 'usual',
  registeredAt: registered,
  createdAt: later,
  skippedAdmission: false,
  isMirrored: false,
  hasToken: false,
  namedPool: undefined,
  pool: 'kubernetes',
  namespace: plain,
  now,
};

const released: AddressRow = {
  mac: mac('a4:58:0f:05:00:00'),
  pool: 'kubernetes',
  state: 'released',
  generation: 1,
  key: 'object/c1/u1',
  origin: 'allocate',
  observed: false,
  owner: { ...owner, uid: 'u1' },
  metadata: {},
  allocatedAt: registered,
  changedAt: later,
  releasedAt: later,
  reusableAt: new Date('2026-04-03T00:00:00Z'),
  requester: 'bob',
  actor: 'rock-mac-operator',
  reason: '',
};
const covered: AddressRow = { ...released, state: 'orphaned', origin: 'replication-gap', owner: undefined };
/** Nobody ever owned it: the row only keeps it from being handed out. */
const observed: AddressRow = {
  ...released,
  generation: 0,
  origin: 'observe',
  observed: true,
  owner: undefined,
  releasedAt: new Date(0),
  reusableAt: new Date(0),
};

describe('an address that the ledger did not grant', () => {
  test.each<[string, AddressRow | undefined, Partial<Evidence>, string | undefined]>([
    ['is only observed', undefined, {}, undefined],
    ['is only observed in a namespace that uses its pool', undefined, { namespace: optedIn }, undefined],
    ['is only observed in no pool', undefined, { pool: undefined, isMirrored: true }, undefined],
    ['is granted by a mirror', undefined, { isMirrored: true, namespace: undefined }, 'its mirror is still there'],
    [
      'is granted in the initial sync to an older object',
      undefined,
      { occasion: 'initial-sync', createdAt: before },
      'in use before the installation',
    ],
    ['is only observed in the initial sync on a younger object', undefined, { occasion: 'initial-sync' }, undefined],
    ['is only observed after the initial sync on an older object', undefined, { createdAt: before }, undefined],
    [
      'is only observed in a recovery on an older object',
      undefined,
      { occasion: 'recovery', createdAt: before },
      undefined,
    ],
    [
      'is granted in a recovery where admission saw it',
      undefined,
      { occasion: 'recovery', namespace: optedIn },
      'handed out before a failover',
    ],
    [
      'is granted in a recovery although somebody observed it before this cluster reported it',
      observed,
      { occasion: 'recovery', namespace: optedIn },
      'handed out before a failover',
    ],
    [
      'is only observed in a recovery on an object that the webhook was not asked about',
      undefined,
      { occasion: 'recovery', namespace: optedIn, skippedAdmission: true },
      undefined,
    ],
    [
      'is only observed in a recovery on such an object that somebody observed before',
      observed,
      { occasion: 'recovery', namespace: optedIn, skippedAdmission: true },
      undefined,
    ],
    [
      'is only observed in a replication gap on an object that the webhook was not asked about',
      covered,
      { namespace: optedIn, skippedAdmission: true },
      undefined,
    ],
    [
      'is granted by a mirror to an object that the webhook was not asked about',
      undefined,
      { occasion: 'recovery', namespace: optedIn, skippedAdmission: true, isMirrored: true },
      'its mirror is still there',
    ],
    ['is only observed later although admission may have seen it', observed, { namespace: optedIn }, undefined],
    [
      'is only observed in a recovery in another pool than that of its namespace',
      undefined,
      { occasion: 'recovery', namespace: optedIn, pool: 'production' },
      undefined,
    ],
    [
      'is granted in a recovery in a pool that its machine or its network names with the right to use it',
      undefined,
      { occasion: 'recovery', namespace: optedIn, pool: 'production', namedPool: 'production' },
      'handed out before a failover',
    ],
    [
      'is only observed in a pool that something names on an object that nobody opted in',
      undefined,
      { occasion: 'recovery', pool: 'production', namedPool: 'production' },
      undefined,
    ],
    [
      'is only observed in a pool that something names while the ledger has lost nothing',
      undefined,
      { namespace: optedIn, pool: 'production', namedPool: 'production' },
      undefined,
    ],
    [
      'is granted in a recovery by a token, in any pool',
      undefined,
      { occasion: 'recovery', pool: 'production', hasToken: true },
      'handed out before a failover',
    ],
    ['is only observed with a token while the ledger has lost nothing', undefined, { hasToken: true }, undefined],
    [
      'is granted from a replication gap where admission saw it',
      covered,
      { namespace: optedIn },
      'handed out before a failover',
    ],
    ['is only observed in a replication gap elsewhere', covered, {}, undefined],
    ['is granted to its last owner', released, {}, 'its last owner is back'],
    [
      'is only observed on its last owner after the reuse delay',
      released,
      { now: new Date('2026-05-01T00:00:00Z') },
      undefined,
    ],
    [
      'is only observed if the namespace of its last owner was deleted in between',
      released,
      { namespace: { ...plain, createdAt: later } },
      undefined,
    ],
    [
      'is only observed if another name had it last',
      { ...released, owner: { ...owner, name: 'web-1' } },
      {},
      undefined,
    ],
    [
      'is granted in a namespace that adopts its pool',
      undefined,
      { namespace: { ...plain, adopts: 'kubernetes' } },
      'its namespace adopts addresses of the pool',
    ],
    [
      'is only observed in a namespace that adopts another pool',
      undefined,
      { namespace: { ...plain, adopts: 'docker' } },
      undefined,
    ],
  ])('%s', (_, row, change, reason) => {
    expect(findGrant({ owner }, row, { ...stray, ...change })).toBe(reason);
  });
});

test.each<[string, Partial<Evidence>, boolean]>([
  ['in a namespace without a pool', {}, true],
  ['in the pool of its namespace', { namespace: optedIn }, false],
  ['in another pool than that of its namespace', { namespace: optedIn, pool: 'production' }, true],
  ['in a pool that its namespace adopts', { namespace: { ...plain, adopts: 'kubernetes' } }, false],
  ['in no pool', { pool: undefined }, true],
  ['in the initial sync', { occasion: 'initial-sync' }, false],
])('an observed address %s counts toward the limits: %s', (_, change, limited) => {
  expect(isLimited({ ...stray, ...change })).toBe(limited);
});
