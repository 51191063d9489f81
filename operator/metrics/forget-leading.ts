import type { OperatorMetrics } from './operator-metrics.ts';

/**
 * Resets what only a leader knows. Alerts read these gauges with `max`, so what a former leader still shows would hide, or would
 * make up, what the new one sees.
 */
export function forgetLeading(metrics: OperatorMetrics): void {
  metrics.ledgerOpen(false);
  metrics.expiryHeld(false);
  metrics.identityShared(false);
  metrics.auditSealed(undefined);
  metrics.anchorsPresent(true);
  metrics.gatedPods(0, 0);
  metrics.notApplied(new Map());
  metrics.conflictsForgotten();
  metrics.pools([]);
  metrics.autoReleaseHeld(new Map());
}
