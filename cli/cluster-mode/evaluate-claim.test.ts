import { expect, test } from 'vitest';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { evaluateClaim } from './evaluate-claim.ts';

function claim(status: MacAllocation['status']): MacAllocation {
  return { metadata: { name: 'c', namespace: 'n', uid: 'u', resourceVersion: '1' }, spec: { pool: 'docker' }, status };
}

function withReason(status: 'True' | 'False', reason: string, mac?: string): MacAllocation {
  const condition = { type: 'Ready', status, reason, message: 'details', lastTransitionTime: '2026-01-01T00:00:00Z' };
  return claim({ ...(mac !== undefined && { mac }), conditions: [condition] });
}

test('an address counts once the claim is ready', () => {
  expect(evaluateClaim(withReason('True', 'Allocated', 'a4:58:0f:04:00:00'))).toEqual({
    state: 'ready',
    mac: 'a4:58:0f:04:00:00',
  });
  expect(evaluateClaim(withReason('False', 'Releasing', 'a4:58:0f:04:00:00'))).toMatchObject({ state: 'refused' });
});

test.each([
  ['PoolExhausted', 'exhausted'],
  ['PoolPaused', 'unavailable'],
  ['RequestedMacInUse', 'conflict'],
  ['PoolNotFound', 'error'],
])('%s is a refusal with exit %s', (reason, exit) => {
  expect(evaluateClaim(withReason('False', reason))).toMatchObject({ state: 'refused', refusal: { exit } });
});

test.each(['Pending', 'LedgerUnavailable', 'LedgerRecovering'])(
  'the command waits while the reason is %s',
  (reason) => {
    expect(evaluateClaim(withReason('False', reason))).toEqual({ state: 'waiting', waitingFor: `${reason}: details` });
  },
);

test('the command waits for a claim without conditions', () => {
  expect(evaluateClaim(claim(undefined))).toEqual({
    state: 'waiting',
    waitingFor: 'the operator has not seen it yet',
  });
});
