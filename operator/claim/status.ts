import type { ConsumerRef, MacAllocationStatus, ReadyReason } from '../../api/mac-allocation.ts';
import { setCondition, toTime } from '../../kube/controller/conditions.ts';
import type { Condition } from '../../kube/client/objects.ts';
import type { AllocationOutcome } from '../../ledger/address/allocate.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';

/** What a claim's Ready condition says, and when to look again by ourselves. */
export interface ReadyDecision {
  readonly ready: boolean;
  readonly reason: ReadyReason;
  readonly message: string;
  /** Milliseconds; absent: only when the claim changes. */
  readonly retryAfterMs?: number;
}

/** Capacity returns without telling us: by a release in any cluster, or when a reuse delay ends. */
const RETRY_MS = 30_000;

/** Judges the ledger's answer to a claim. Every refusal says what to do, and none is for ever. */
export function decideByOutcome(
  outcome: AllocationOutcome,
  pool: string,
  requested: string | undefined,
): ReadyDecision {
  const wait = (reason: ReadyReason, message: string): ReadyDecision => ({
    ready: false,
    reason,
    message,
    retryAfterMs: RETRY_MS,
  });
  switch (outcome.outcome) {
    case 'allocated':
    case 'replayed':
      return decideAllocated(outcome.mac, outcome.expiresAt);
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

/** An allocated claim; with an expiry, how long it lasts. */
export function decideAllocated(mac: string, expiresAt: Date | undefined): ReadyDecision {
  const until = expiresAt === undefined ? '' : ` until ${toTime(expiresAt)}, unless spec.renewedAt is set anew before`;
  return { ready: true, reason: 'Allocated', message: `${mac} is held in the ledger${until}` };
}

/** A claim whose end waits for who uses its address. */
export function decideBlocked(why: 'deleted' | 'expired', consumer: string): ReadyDecision {
  const message = `The claim is ${why}, but ${consumer} still carries its address: delete that first`;
  return { ready: false, reason: 'ReleaseBlocked', message };
}

/** What the ledger holds for a claim. */
export type HeldStatus = Pick<MacAllocationStatus, 'mac' | 'allocatedAt' | 'expiresAt' | 'ledger'>;

/** The status after a verdict. */
export function statusAfter(
  claim: MacAllocation,
  { ready, reason, message }: ReadyDecision,
  { held, consumer }: { readonly held: HeldStatus; readonly consumer?: ConsumerRef | undefined },
  now: Date,
): MacAllocationStatus {
  const { consumer: usedBefore, ...before }: MacAllocationStatus = claim.status ?? {};
  const { generation: observedGeneration } = claim.metadata;
  const judged = setCondition(
    before.conditions ?? [],
    { type: 'Ready', status: ready ? 'True' : 'False', reason, message, observedGeneration },
    now,
  );
  return {
    ...before,
    ...held,
    ...(observedGeneration !== undefined && { observedGeneration }),
    ...(consumer !== undefined && { consumer }),
    conditions: [...withBound(judged, consumer, usedBefore !== undefined, now)],
  };
}

/** Bound appears with the first consumer, and tells from then on whether there is one. */
function withBound(
  conditions: readonly Condition[],
  consumer: ConsumerRef | undefined,
  wasUsed: boolean,
  now: Date,
): readonly Condition[] {
  if (consumer !== undefined) {
    const message = `${consumer.kind} ${consumer.name} carries the address`;
    return setCondition(conditions, { type: 'Bound', status: 'True', reason: 'InUse', message }, now);
  }
  if (!wasUsed) return conditions;
  const message = 'Nothing carries the address at the moment';
  return setCondition(conditions, { type: 'Bound', status: 'False', reason: 'NotInUse', message }, now);
}
