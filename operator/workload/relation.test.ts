import { describe, expect, test } from 'vitest';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import { mac } from '../../mac/mac-address.ts';
import type { WorkloadAddress } from '../live/live-address.ts';
import { podWorkload } from '../live/pod.ts';
import { findRelation } from './relation.ts';

const MAC = mac('a4:58:0f:05:00:01');
const CREATED = new Date('2026-11-30T10:00:00Z');
const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'web', name: 'front', uid: 'u1', nic: 'web/blue#0' };
const webhook = { clusterId: 'c1', kind: 'Webhook', namespace: '', name: 'rock-mac-webhook-1', uid: 'h1', nic: '' };
const row: AddressRow = {
  mac: MAC,
  pool: 'kubernetes',
  state: 'stocked',
  generation: 1,
  key: 'stock/f1/1',
  origin: 'allocate',
  observed: false,
  owner: webhook,
  metadata: {},
  allocatedAt: CREATED,
  changedAt: CREATED,
  requester: 'rock-mac-webhook',
  actor: 'rock-mac-webhook',
  reason: 'stock',
};

function aPodWith(text: string | undefined): WorkloadAddress {
  const creationTimestamp = CREATED.toISOString();
  const metadata = { namespace: 'web', name: 'front', uid: 'u1', resourceVersion: '1', creationTimestamp };
  const stockToken = text === undefined ? undefined : { text, generateName: '' };
  const workload = { metadata, nics: [{ nic: owner.nic, mac: MAC }], uses: [MAC], stockToken };
  return { mac: MAC, owner, stockToken, workload, kind: podWorkload() };
}

/** Finds the relation of a pod with a valid token, a made-up one, or none. */
function find(token: 'valid' | 'made-up' | undefined, changes: Partial<AddressRow> = {}, secondsLater = 60) {
  const claims = { requester: 'bob', at: CREATED.toISOString(), addresses: { [owner.nic]: MAC } };
  return findRelation(
    aPodWith(token),
    { ...row, ...changes },
    {
      stockTokens: { read: (text) => Promise.resolve(text === 'valid' ? claims : undefined) },
      now: () => new Date(CREATED.getTime() + secondsLater * 1_000),
    },
  );
}

describe('an address of a stock', () => {
  test.each<[string, Partial<AddressRow>]>([
    ['is set aside', {}],
    ['was returned', { state: 'released' }],
    ['was set aside at a failover', { state: 'orphaned', origin: 'replication-gap' }],
  ])('that %s is of the user whom the token names', async (_, changes) => {
    expect(await find('valid', changes)).toEqual({ requester: 'bob' });
  });

  test.each<[string, Partial<AddressRow>, string]>([
    ['is set aside', {}, 'set-aside'],
    ['was returned', { state: 'released' }, 'ungranted'],
    ['was set aside at a failover', { state: 'orphaned', origin: 'replication-gap' }, 'ungranted'],
    ['was set aside in a retired cluster', { state: 'orphaned' }, 'conflict'],
    [
      'is pending for another pod of the namespace',
      { state: 'pending', owner: { ...owner, name: 'x', uid: undefined } },
      'conflict',
    ],
    ['is pending for this pod', { state: 'pending', owner: { ...owner, uid: undefined } }, 'pending'],
  ])('that %s is the same for a pod with a made-up token and without: %o', async (_, changes, want) => {
    expect(await find('made-up', changes)).toBe(want);
    expect(await find(undefined, changes)).toBe(want);
  });

  test('may still be given to a pod without a token in its first seconds', async () => {
    expect(await find(undefined, {}, 9)).toBe('later');
    expect(await find('made-up', {}, 9)).toBe('later');
    expect(await find(undefined, {}, 10)).toBe('set-aside');
    expect(await find(undefined, { state: 'released' }, 9)).toBe('ungranted');
  });
});
