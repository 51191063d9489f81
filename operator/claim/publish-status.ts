import { CONSUMER_UNREACHABLE } from '../../api/mac-allocation.ts';
import { GROUP, VERSION } from '../../api/names.ts';
import { type MacAllocation, macAllocations } from '../../kube/client/mac-resources.ts';
import { findCondition } from '../../kube/controller/conditions.ts';
import type { EventTarget } from '../../kube/controller/events.ts';
import { toTime } from '../../kube/controller/timestamps.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { OperatorDeps } from '../controller/dependencies.ts';
import {
  type ClaimUser,
  decideAllocated,
  decideBlocked,
  describeUnreachable,
  type HeldStatus,
  type ReadyDecision,
  statusAfter,
} from './status.ts';

export type PublishStatusDeps = Pick<OperatorDeps, 'client' | 'clusterId' | 'events' | 'metrics' | 'now'>;

/**
 * Writes the status of a claim. A new reason of the Ready condition is also recorded as an Event and in the metrics, and a
 * consumer that may still run as an Event.
 */
export async function publishStatus(
  claim: MacAllocation,
  decision: ReadyDecision,
  held: HeldStatus,
  deps: PublishStatusDeps,
  user?: ClaimUser,
): Promise<void> {
  const status = statusAfter(claim, decision, { held, user }, deps.now());
  await writeStatus(macAllocations, claim, status, deps.client);
  recordNewReason(claim, decision, deps);
  recordUnreachable(claim, user, deps);
}

/** Publishes what the ledger holds for the claim, and the object that uses it. */
export async function publishAllocated(
  claim: MacAllocation,
  { mac, generation, expiresAt }: Pick<AddressRow, 'mac' | 'generation' | 'expiresAt'>,
  deps: PublishStatusDeps,
  user?: ClaimUser,
): Promise<void> {
  const held: HeldStatus = {
    ...(expiresAt !== undefined && { expiresAt: toTime(expiresAt) }),
    ledger: { generation, clusterId: deps.clusterId },
  };
  await publishStatus(claim, decideAllocated(mac, expiresAt), held, deps, user);
}

/** Publishes that a deleted or expired claim waits for the object that uses its address. */
export async function publishBlocked(
  claim: MacAllocation,
  cause: 'deleted' | 'expired',
  user: ClaimUser,
  deps: PublishStatusDeps,
): Promise<void> {
  await publishStatus(claim, decideBlocked(cause, user), {}, deps, user);
}

function recordNewReason(
  claim: MacAllocation,
  { ready, reason, message }: ReadyDecision,
  { events, metrics }: Pick<OperatorDeps, 'events' | 'metrics'>,
): void {
  if (findCondition(claim.status?.conditions ?? [], 'Ready')?.reason === reason) return;
  if (ready) metrics.allocated(claim.spec.pool);
  else metrics.refused(reason);
  events.record(targetOf(claim), { type: ready ? 'Normal' : 'Warning', reason, action: 'Allocate', note: message });
}

function recordUnreachable(
  claim: MacAllocation,
  user: ClaimUser | undefined,
  { events }: Pick<OperatorDeps, 'events'>,
): void {
  if (user?.mayRunOn === undefined) return;
  if (findCondition(claim.status?.conditions ?? [], 'Bound')?.reason === CONSUMER_UNREACHABLE) return;
  const note = describeUnreachable(user);
  events.record(targetOf(claim), { type: 'Warning', reason: CONSUMER_UNREACHABLE, action: 'Hold', note });
}

function targetOf({ metadata }: MacAllocation): EventTarget {
  return { apiVersion: `${GROUP}/${VERSION}`, kind: 'MacAllocation', metadata };
}
