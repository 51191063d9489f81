import {
  type ClaimConsumer,
  CONSUMER_UNREACHABLE,
  type MacAllocationStatus,
  type ReadyReason,
} from '../../api/mac-allocation.ts';
import { ANNOTATIONS } from '../../api/names.ts';
import { isReported, type ReportedNic } from '../../api/nic.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';
import type { Condition } from '../../kube/client/objects.ts';
import { findCondition, setCondition } from '../../kube/controller/conditions.ts';
import { toTime } from '../../kube/controller/timestamps.ts';
import type { AllocationOutcome } from '../../ledger/address/allocate.ts';
import { LEDGER_ERRORS } from '../../ledger/error-codes.ts';
import type { LedgerError } from '../../ledger/errors.ts';
import {
  ALLOCATION_OUTCOMES,
  allocationCode,
  type AllocationRefusal,
  describeRefusal,
  isAllocated,
  type OutcomeFacts,
} from '../../ledger/outcomes.ts';
import { APPLIED, appliedReport } from '../allocation/applied.ts';

/** The Ready condition of a claim, and when to reconcile the claim again. */
export interface ReadyDecision {
  readonly ready: boolean;
  readonly reason: ReadyReason;
  readonly message: string;
  /** In milliseconds. Absent: when the claim changes. */
  readonly retryAfterMs?: number;
}

/** No event reports new capacity: addresses are also released in other clusters, and when a reuse delay ends. */
const RETRY_MS = 30_000;

/** Only the ledger's own work is awaited, not an action of a user. */
const PENDING_RETRY_MS = 1_000;

/** Decides the Ready condition from the ledger's response to an allocation request. */
export function decideByOutcome(
  outcome: AllocationOutcome,
  pool: string,
  requested: string | undefined,
): ReadyDecision {
  if (isAllocated(outcome)) return decideAllocated(outcome.mac, outcome.expiresAt);
  const entry = ALLOCATION_OUTCOMES[allocationCode(outcome)];
  const { reason } = entry.ready;
  const { cause, next } = describeRefusal(entry, entry.ready, { pool, mac: requested, ...factsOf(outcome) });
  const message = `${cause}. ${next}`;
  if (!entry.retryable) return { ready: false, reason, message };
  return { ready: false, reason, message, retryAfterMs: reason === 'Pending' ? PENDING_RETRY_MS : RETRY_MS };
}

/** The author of a claim may not know who holds the address, nor for how long. */
function factsOf(outcome: AllocationRefusal): OutcomeFacts {
  switch (outcome.outcome) {
    case 'in_use': {
      const { state, until } = outcome.holder;
      return { mac: outcome.mac, ...(state === 'released' && { freeAt: timeOf(until) }) };
    }
    case 'exhausted':
      return { freeAt: timeOf(outcome.nextReuseAt) };
    case 'not_open':
      return { notOpen: outcome.why };
    default:
      return {};
  }
}

function timeOf(date: Date | undefined): string | undefined {
  return date === undefined ? undefined : toTime(date);
}

/**
 * Decides the Ready condition from a failed allocation request. A spec is immutable, so only a new claim helps against
 * InvalidSpec. Every other reason lasts until the ledger works again.
 */
export function decideByError(error: LedgerError): ReadyDecision {
  return { ready: false, reason: LEDGER_ERRORS[error.code].readyReason, message: error.message };
}

/** Decides the Ready condition of a claim that holds an address. */
export function decideAllocated(mac: string, expiresAt: Date | undefined): ReadyDecision {
  const until = expiresAt === undefined ? '' : ` until ${toTime(expiresAt)}. Set spec.renewedAt before then to keep it`;
  return { ready: true, reason: 'Allocated', message: `${mac} is held in the ledger${until}` };
}

/** The object that uses a claim. `mayRunOn` is the node of a pod that vanished before it was seen to end. */
export interface ClaimUser {
  readonly name: string;
  readonly ref?: ClaimConsumer | undefined;
  readonly mayRunOn?: string | undefined;
  /** What is reported about its interface. */
  readonly reported?: ReportedNic | undefined;
}

/** Decides the Ready condition of a claim that ends, but whose address is still in use. */
export function decideBlocked(why: 'deleted' | 'expired', user: ClaimUser): ReadyDecision {
  const { name, mayRunOn } = user;
  const message =
    mayRunOn === undefined
      ? `The claim is ${why}, but ${name} still uses its address. Delete ${name} first`
      : `The claim is ${why}, but ${describeUnreachable(user)}`;
  return { ready: false, reason: 'ReleaseBlocked', message };
}

/** Returns why a claim is held for a pod that vanished, and what ends that. */
export function describeUnreachable({ name, ref, mayRunOn = '' }: ClaimUser): string {
  return [
    `${name} was deleted before its kubelet had ended it, so it may still run on node ${mayRunOn}.`,
    'The claim is free when the kubelet has been in contact again for long enough, or when the Node is deleted or has the taint node.kubernetes.io/out-of-service.',
    `If you are sure that the pod does not run, annotate this MacAllocation with ${ANNOTATIONS.consumerEnded}=${ref?.uid ?? ''}`,
  ].join(' ');
}

/** The fields of a status that come from the ledger. */
export type HeldStatus = Pick<MacAllocationStatus, 'mac' | 'allocatedAt' | 'expiresAt' | 'ledger'>;

/** Returns the status with a new Ready condition. */
export function statusAfter(
  claim: MacAllocation,
  { ready, reason, message }: ReadyDecision,
  { held, user }: { readonly held: HeldStatus; readonly user?: ClaimUser | undefined },
  now: Date,
): MacAllocationStatus {
  const { consumer: usedBefore, ...before }: MacAllocationStatus = claim.status ?? {};
  const { generation: observedGeneration } = claim.metadata;
  const conditions = setCondition(
    before.conditions ?? [],
    { type: 'Ready', status: ready ? 'True' : 'False', reason, message, observedGeneration },
    now,
  );
  return {
    ...before,
    ...held,
    ...(observedGeneration !== undefined && { observedGeneration }),
    ...(user?.ref !== undefined && { consumer: user.ref }),
    conditions: [...withApplied(withBound(conditions, user, usedBefore !== undefined, now), user, now)],
  };
}

/** Sets the Bound condition, which a claim has from its first consumer on. */
function withBound(
  conditions: readonly Condition[],
  user: ClaimUser | undefined,
  wasUsed: boolean,
  now: Date,
): readonly Condition[] {
  if (user?.mayRunOn !== undefined) {
    const message = describeUnreachable(user);
    return setCondition(conditions, { type: 'Bound', status: 'Unknown', reason: CONSUMER_UNREACHABLE, message }, now);
  }
  if (user?.ref !== undefined) {
    const message = `The address is given to ${user.name}`;
    return setCondition(conditions, { type: 'Bound', status: 'True', reason: 'InUse', message }, now);
  }
  if (!wasUsed) return conditions;
  const message = 'No object uses the address';
  return setCondition(conditions, { type: 'Bound', status: 'False', reason: 'NotInUse', message }, now);
}

/** Sets the Applied condition, which a claim has from the first report about its interface until nothing uses it. */
function withApplied(conditions: readonly Condition[], user: ClaimUser | undefined, now: Date): readonly Condition[] {
  const { ref, reported = {} } = user ?? {};
  if (ref === undefined) return conditions.filter(({ type }) => type !== APPLIED);
  if (!isReported(reported) && findCondition(conditions, APPLIED) === undefined) return conditions;
  return setCondition(conditions, { type: APPLIED, ...appliedReport(reported) }, now);
}
