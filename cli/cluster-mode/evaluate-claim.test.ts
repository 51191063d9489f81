import { expect, test } from 'vitest';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import { evaluateClaim } from './evaluate-claim.ts';

function claim(status: MacAllocation['status']): MacAllocation {
  return { metadata: { name: 'c', namespace: 'n', uid: 'u', resourceVersion: '1' }, spec: { pool: 'docker' }, status };
}

function withReason(status: 'True' | 'False', reason: string, mac?: string): MacAllocation {
  const condition = { type: 'Ready', status, reason, message: 'so it is', lastTransitionTime: '2026-01-01T00:00:00Z' };
  return claim({ ...(mac !== undefined && { mac }), conditions: [condition] });
}

test('an address counts when the claim is ready', () => {
  expect(evaluateClaim(withReason('True', 'Allocated', 'a4:58:0f:04:00:00'))).toEqual({
    done: true,
    mac: 'a4:58:0f:04:00:00',
  });
  expect(evaluateClaim(withReason('False', 'Releasing', 'a4:58:0f:04:00:00'))).toMatchObject({ done: false });
});

test.each([
  ['PoolExhausted', 'exhausted'],
  ['PoolPaused', 'unavailable'],
  ['RequestedMacInUse', 'conflict'],
  ['PoolNotFound', 'error'],
])('%s is a refusal that ends as %s', (reason, exit) => {
  expect(evaluateClaim(withReason('False', reason))).toMatchObject({ done: false, refused: { exit } });
});

test.each(['Pending', 'LedgerUnavailable', 'LedgerRecovering'])('%s is waited for', (reason) => {
  expect(evaluateClaim(withReason('False', reason))).toEqual({
    done: false,
    refused: undefined,
    waitsFor: `${reason}: so it is`,
  });
});

test('a claim that nobody has looked at is waited for', () => {
  expect(evaluateClaim(claim(undefined))).toMatchObject({ done: false, waitsFor: 'the operator has not seen it yet' });
});
