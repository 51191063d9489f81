import { GROUP, VERSION } from '../../api/names.ts';
import { findCondition } from '../../kube/controller/conditions.ts';
import type { Verdict } from './status.ts';
import type { OperatorContext } from '../dependencies.ts';
import type { MacAllocation } from '../../kube/client/mac-resources.ts';

/** Tells the owner of a claim, and the metrics, when the reason of its Ready condition has changed. */
export function recordReady(
  claim: MacAllocation,
  { ready, reason, message }: Verdict,
  { events, metrics }: Pick<OperatorContext, 'events' | 'metrics'>,
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
