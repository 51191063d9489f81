import { describe, expect, test } from 'vitest';
import { CONSUMER_UNREACHABLE } from '../../api/mac-allocation.ts';
import { RELEASE_FINALIZER } from '../../api/names.ts';
import { mac } from '../../mac/mac-address.ts';
import { addressOfClaim, type StickyClaim, type StickySubject } from './sticky-claim.ts';

const A = mac('a4:58:0f:05:00:01');
const SUBJECT: StickySubject = {
  kind: 'Pod',
  name: 'web-0',
  nic: 'eth0',
  clusterId: 'c',
  namespaceSince: new Date('2026-11-30T09:00:00Z'),
};

type Change = { readonly [Part in keyof StickyClaim]?: Partial<StickyClaim[Part]> };

function claim({ metadata, spec, status }: Change = {}): StickyClaim {
  return {
    metadata: {
      name: 'web-0-0123abcd',
      uid: 'u',
      resourceVersion: '1',
      creationTimestamp: '2026-11-30T09:00:00Z',
      finalizers: [RELEASE_FINALIZER],
      ...metadata,
    },
    spec: { stickyFor: { kind: 'Pod', name: 'web-0', nic: 'eth0' }, mac: A, ledger: { clusterId: 'c' }, ...spec },
    ...(status !== undefined && { status }),
  };
}

function withCondition(type: string, status: 'True' | 'False'): Change {
  const reason = { reason: 'r', message: 'm', lastTransitionTime: '2026-11-30T09:00:00Z' };
  return { status: { conditions: [{ type, status, ...reason }] } };
}

test('a sticky claim shows the address of its name', () => {
  expect(addressOfClaim(claim(), SUBJECT)).toBe(A);
  expect(addressOfClaim(claim(withCondition(CONSUMER_UNREACHABLE, 'False')), SUBJECT)).toBe(A);
  expect(addressOfClaim(claim(withCondition('Other', 'True')), SUBJECT)).toBe(A);
});

describe('nothing is certain about the address', () => {
  test.each<[string, Change]>([
    ['of a claim that somebody else made under this name', { spec: { stickyFor: undefined } }],
    ['of another kind', { spec: { stickyFor: { kind: 'VirtualMachine', name: 'web-0', nic: 'eth0' } } }],
    ['of another name', { spec: { stickyFor: { kind: 'Pod', name: 'web-1', nic: 'eth0' } } }],
    ['of another interface', { spec: { stickyFor: { kind: 'Pod', name: 'web-0', nic: 'eth1' } } }],
    ['of another cluster', { spec: { ledger: { clusterId: 'd' } } }],
    ['without a record in the ledger', { spec: { ledger: undefined } }],
    ['while the claim is being deleted', { metadata: { deletionTimestamp: '2026-11-30T10:00:00Z' } }],
    ['when the operator has released it', { metadata: { finalizers: [] } }],
    ['when nothing says that it is held', { metadata: { finalizers: undefined } }],
    ['while its last pod may still run', withCondition(CONSUMER_UNREACHABLE, 'True')],
    ['of an earlier namespace of this name', { metadata: { creationTimestamp: '2026-11-30T08:59:59Z' } }],
    ['of a claim without a time', { metadata: { creationTimestamp: undefined } }],
    ['that is no address', { spec: { mac: 'none' } }],
    ['that is missing', { spec: { mac: undefined } }],
  ])('%s', (_, change) => {
    expect(addressOfClaim(claim(change), SUBJECT)).toBeUndefined();
  });

  test('while it is not known when the namespace was created', () => {
    expect(addressOfClaim(claim(), { ...SUBJECT, namespaceSince: undefined })).toBeUndefined();
  });
});
