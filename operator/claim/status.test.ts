import { describe, expect, test } from 'vitest';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import type { AllocationOutcome } from '../../ledger/address/allocate.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { mac } from '../../mac/mac-address.ts';
import {
  type ClaimUser,
  decideAllocated,
  decideBlocked,
  decideByError,
  decideByOutcome,
  statusAfter,
} from './status.ts';

const A = mac('a4:58:0f:00:00:01');
const LATER = new Date('2030-01-01T00:00:00Z');

const refusals: readonly (readonly [AllocationOutcome, string, number | undefined, RegExp])[] = [
  [
    { outcome: 'in_use', mac: A, holder: { state: 'active', device: { id: 'secret-vm' }, until: LATER } },
    'RequestedMacInUse',
    30_000,
    /^MAC a4:58:0f:00:00:01 is held by another owner\. Wait until/,
  ],
  [
    { outcome: 'in_use', mac: A, holder: { state: 'released', until: LATER } },
    'RequestedMacInUse',
    30_000,
    /was released, and until 2030-01-01T00:00:00Z only its last owner can get it\. Wait until then/,
  ],
  [{ outcome: 'key_conflict' }, 'RequestedMacInUse', 30_000, /already holds another address/],
  [{ outcome: 'out_of_range' }, 'RequestedMacOutOfRange', undefined, /is not in pool production\. Create a new/],
  [{ outcome: 'exhausted' }, 'PoolExhausted', 30_000, /^Pool production has no free address\. Release/],
  [{ outcome: 'exhausted', nextReuseAt: LATER }, 'PoolExhausted', 30_000, /the next one is free at 2030-01-01T/],
  [{ outcome: 'pool_not_found' }, 'PoolNotFound', 30_000, /Pool production does not exist/],
  [{ outcome: 'pool_paused' }, 'PoolPaused', 30_000, /Set spec\.paused of MacPool production to false/],
  [{ outcome: 'not_adopted' }, 'LedgerRecovering', 30_000, /has not recorded the addresses already in use/],
  [{ outcome: 'not_open', why: 'not_durable' }, 'LedgerRecovering', 30_000, /Postgres has no synchronous standby/],
  [{ outcome: 'pending_cap' }, 'Pending', 1_000, /never stored/],
  [{ outcome: 'retry' }, 'Pending', 1_000, /still searching/],
];

test.each(refusals)('%j becomes the reason %s, retried after %s ms', (outcome, reason, retryAfterMs, message) => {
  const decision = decideByOutcome(outcome, 'production', A);
  expect(decision).toMatchObject({ ready: false, reason });
  expect(decision.retryAfterMs).toBe(retryAfterMs);
  expect(decision.message).toMatch(message);
  expect(decision.message).not.toContain('secret-vm');
});

test.each([
  ['BAD_REQUEST', 'InvalidSpec'],
  ['LEDGER_TIMEOUT', 'LedgerUnavailable'],
  ['LEDGER_AUTH_FAILED', 'LedgerUnavailable'],
] as const)('the error %s becomes the reason %s', (code, reason) => {
  expect(decideByError(new LedgerError(code, 'It failed'))).toMatchObject({ ready: false, reason });
});

test('a claim that expires names the field that renews it', () => {
  expect(decideAllocated(A, undefined).message).toBe('a4:58:0f:00:00:01 is held in the ledger');
  expect(decideAllocated(A, LATER).message).toMatch(/until 2030-01-01T00:00:00Z\. Set spec\.renewedAt/);
});

describe('a claim whose pod vanished and may still run', () => {
  const ref = { apiVersion: 'v1', kind: 'Pod', name: 'web-0', uid: 'u-1', nic: 'net1', node: 'node-1' };
  const user = { name: 'Pod web-0', ref, mayRunOn: 'node-1' };
  const claim: MacAllocation = {
    metadata: { namespace: 'default', name: 'gate', uid: 'c-1', resourceVersion: '7' },
    spec: { pool: 'production' },
  };

  test('is bound to an unknown degree, and names the node and every way out', () => {
    const status = statusAfter(claim, decideAllocated(A, undefined), { held: { mac: A }, user }, LATER);
    expect(status.consumer).toEqual(ref);
    expect(status.conditions).toMatchObject([
      { type: 'Ready', status: 'True' },
      { type: 'Bound', status: 'Unknown', reason: 'ConsumerUnreachable' },
    ]);
    expect(status.conditions?.[1]?.message).toMatch(
      /^Pod web-0 .* node node-1\..*node\.kubernetes\.io\/out-of-service.*mac\.rock-os\.io\/consumer-ended=u-1$/,
    );
  });

  test('is not released when it is deleted, and does not ask for the deletion of the pod', () => {
    const { reason, message } = decideBlocked('deleted', user);
    expect(reason).toBe('ReleaseBlocked');
    expect(message).toMatch(/^The claim is deleted, but Pod web-0 .* may still run on node node-1/);
    expect(message).not.toContain('Delete Pod');
  });
});

describe('a claim whose consumer has an interface', () => {
  const claim: MacAllocation = {
    metadata: { namespace: 'default', name: 'gate', uid: 'c-1', resourceVersion: '7' },
    spec: { pool: 'production' },
  };
  const ref = { apiVersion: 'v1', kind: 'Pod', name: 'web-0', uid: 'u-1', nic: 'net1' };
  const applied = (status: MacAllocation['status'], user?: Omit<ClaimUser, 'name'>) => {
    const after = statusAfter(
      { ...claim, status },
      decideAllocated(A, undefined),
      { held: {}, user: user && { name: 'Pod web-0', ...user } },
      LATER,
    );
    return { after, found: after.conditions?.find(({ type }) => type === 'Applied') };
  };

  test('says nothing about its address before the network reports one', () => {
    const { after, found } = applied(undefined, { ref });
    expect(found).toBeUndefined();
    expect(after.conditions).toMatchObject([
      { type: 'Ready' },
      { type: 'Bound', message: 'The address is given to Pod web-0' },
    ]);
  });

  test('says that the interface has it, or which one it has, until nothing uses the claim', () => {
    const right = applied(undefined, { ref, reported: { isSeen: true } });
    expect(right.found).toMatchObject({ status: 'True', reason: 'Applied' });
    const wrong = applied(right.after, { ref, reported: { actualMac: mac('02:00:00:00:00:01') } });
    expect(wrong.found).toMatchObject({ status: 'False', reason: 'PluginIgnoredAddress' });
    const silent = applied(wrong.after, { ref });
    expect(silent.found).toMatchObject({ status: 'Unknown', reason: 'NotReported' });
    expect(applied(silent.after).found).toBeUndefined();
  });
});
