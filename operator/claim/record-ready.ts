import { GROUP, VERSION } from '../../api/names.ts';
import { findCondition } from '../../kube/controller/conditions.ts';
import type { ReadyDecision } from './status.ts';
import type { OperatorDeps } from '../dependencies.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';

/** Tells the owner of a claim, and the metrics, when the reason of its Ready condition has changed. */
export function recordReady(
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
