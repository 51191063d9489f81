import type { ConsumerRef } from '../../api/mac-allocation.ts';
import { GROUP, VERSION } from '../../api/names.ts';
import { macAllocations, type MacAllocation } from '../../kube/client/mac-resources.ts';
import { findCondition, toTime } from '../../kube/controller/conditions.ts';
import { writeStatus } from '../../kube/controller/write-status.ts';
import type { AddressRow } from '../../ledger/address/address-row.ts';
import type { OperatorDeps } from '../dependencies.ts';
import { decideAllocated, decideBlocked, statusAfter, type HeldStatus, type ReadyDecision } from './status.ts';

export type PublishStatusDeps = Pick<OperatorDeps, 'client' | 'clusterId' | 'events' | 'metrics' | 'now'>;

/** Writes the status of a claim. A new reason of the Ready condition is also recorded as an Event and in the metrics. */
export async function publishStatus(
  claim: MacAllocation,
  decision: ReadyDecision,
  held: HeldStatus,
  deps: PublishStatusDeps,
  consumer?: ConsumerRef,
): Promise<void> {
  const status = statusAfter(claim, decision, { held, consumer }, deps.now());
  await writeStatus(macAllocations, claim, status, deps.client);
  recordNewReason(claim, decision, deps);
}

/** Publishes what the ledger holds for the claim, and the object that uses it. */
export async function publishAllocated(
  claim: MacAllocation,
  { mac, generation, expiresAt }: Pick<AddressRow, 'mac' | 'generation' | 'expiresAt'>,
  deps: PublishStatusDeps,
  consumer?: ConsumerRef,
): Promise<void> {
  const held: HeldStatus = {
    ...(expiresAt !== undefined && { expiresAt: toTime(expiresAt) }),
    ledger: { generation, clusterId: deps.clusterId },
  };
  await publishStatus(claim, decideAllocated(mac, expiresAt), held, deps, consumer);
}

/** Publishes that a deleted or expired claim waits for the object that uses its address. */
export async function publishBlocked(
  claim: MacAllocation,
  cause: 'deleted' | 'expired',
  consumer: { readonly name: string; readonly ref?: ConsumerRef | undefined },
  deps: PublishStatusDeps,
): Promise<void> {
  await publishStatus(claim, decideBlocked(cause, consumer.name), {}, deps, consumer.ref);
}

function recordNewReason(
  claim: MacAllocation,
  { ready, reason, message }: ReadyDecision,
  { events, metrics }: Pick<OperatorDeps, 'events' | 'metrics'>,
): void {
  if (findCondition(claim.status?.conditions ?? [], 'Ready')?.reason === reason) return;
  if (ready) metrics.allocated(claim.spec.pool);
  else metrics.refused(reason);
  const { metadata } = claim;
  events.record(
    { apiVersion: `${GROUP}/${VERSION}`, kind: 'MacAllocation', metadata },
    { type: ready ? 'Normal' : 'Warning', reason, action: 'Allocate', note: message },
  );
}
