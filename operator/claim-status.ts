import { isDeepStrictEqual } from 'node:util';
import type { MacAllocationStatus, ReadyReason } from '../api/mac-allocation.ts';
import { setCondition, toTime } from '../kube/conditions.ts';
import type { AllocationOutcome } from '../ledger/allocate.ts';
import type { MacAllocation } from './resources.ts';

/** What a claim's Ready condition says, and when to look again by ourselves. */
export interface Verdict {
  readonly ready: boolean;
  readonly reason: ReadyReason;
  readonly message: string;
  /** Milliseconds; absent: only when the claim changes. */
  readonly retryAfterMs?: number;
}

/** Capacity returns without telling us: by a release in any cluster, or when a reuse delay ends. */
const RETRY_MS = 30_000;

/** Judges the ledger's answer to a claim. Every refusal says what to do, and none is for ever. */
export function judgeOutcome(outcome: AllocationOutcome, pool: string, requested: string | undefined): Verdict {
  const wait = (reason: ReadyReason, message: string): Verdict => ({
    ready: false,
    reason,
    message,
    retryAfterMs: RETRY_MS,
  });
  switch (outcome.outcome) {
    case 'allocated':
    case 'replayed':
      return { ready: true, reason: 'Allocated', message: `${outcome.mac} is held in the ledger` };
    case 'in_use':
      return wait(
        'RequestedMacInUse',
        `${outcome.mac} is held by another owner: leave requestedMac out, or wait for its release`,
      );
    case 'key_conflict':
      return wait(
        'RequestedMacInUse',
        'This claim holds another address in the ledger: delete it and create a new one',
      );
    case 'out_of_range':
      return { ready: false, reason: 'RequestedMacOutOfRange', message: outOfRange(pool, requested) };
    case 'exhausted': {
      const next = outcome.nextReuseAt === undefined ? '' : `; the next is free at ${toTime(outcome.nextReuseAt)}`;
      return wait('PoolExhausted', `Pool ${pool} has no free address${next}: release addresses, or let the pool grow`);
    }
    case 'pool_not_found':
      return wait('PoolNotFound', `There is no pool ${pool}: kubectl get macpools lists them`);
    case 'pool_paused':
      return wait('PoolPaused', `Pool ${pool} is paused: set spec.paused of MacPool ${pool} to false to go on`);
    case 'not_adopted':
      return wait('LedgerRecovering', 'The addresses already in use in this cluster are still being recorded');
    case 'not_open':
      return wait('LedgerRecovering', `The ledger hands out nothing at the moment: ${outcome.why}`);
    case 'pending_cap':
    case 'retry':
      return { ...wait('Pending', 'The ledger was busy searching; it is asked again'), retryAfterMs: 1_000 };
  }
}

function outOfRange(pool: string, requested: string | undefined): string {
  return `requestedMac ${requested ?? ''} is not in pool ${pool}: create a new claim with an address of that pool, or without one`;
}

/** The status after a verdict; the very same object when nothing changed, so that no write is needed. */
export function statusAfter(
  claim: MacAllocation,
  verdict: Verdict,
  held: Pick<MacAllocationStatus, 'mac' | 'allocatedAt' | 'expiresAt' | 'ledger'>,
  now: Date,
): MacAllocationStatus {
  const before: MacAllocationStatus = claim.status ?? {};
  const generation = claim.metadata.generation;
  const conditions = setCondition(
    before.conditions ?? [],
    {
      type: 'Ready',
      status: verdict.ready ? 'True' : 'False',
      reason: verdict.reason,
      message: verdict.message,
      observedGeneration: generation,
    },
    now,
  );
  const after: MacAllocationStatus = {
    ...before,
    ...held,
    ...(generation !== undefined && { observedGeneration: generation }),
    conditions: [...conditions],
  };
  return isDeepStrictEqual(after, before) ? before : after;
}
