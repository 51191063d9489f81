import { Registry } from '@prometheus-io/client';
import { measureMemory } from '../../process/memory-metric.ts';
import { type AddressMetrics, registerAddressMetrics } from './address-metrics.ts';
import { type AppliedMetrics, registerAppliedMetrics } from './applied-metrics.ts';
import { type ConflictMetrics, registerConflictMetrics } from './conflict-metrics.ts';
import { type GateMetrics, registerGateMetrics } from './gate-metrics.ts';
import { type KubeMetrics, registerKubeMetrics } from './kube-metrics.ts';
import { type LedgerMetrics, registerLedgerMetrics } from './ledger-metrics.ts';
import { registerResyncMetrics, type ResyncMetrics } from './resync-metrics.ts';

/** All metrics of the operator. Times are in seconds, as Prometheus recommends. */
export interface OperatorMetrics
  extends KubeMetrics, AddressMetrics, AppliedMetrics, ConflictMetrics, GateMetrics, ResyncMetrics, LedgerMetrics {
  readonly registry: Registry;
}

export function createOperatorMetrics(): OperatorMetrics {
  const registry = new Registry();
  measureMemory(registry);
  return {
    registry,
    ...registerKubeMetrics(registry),
    ...registerAddressMetrics(registry),
    ...registerAppliedMetrics(registry),
    ...registerConflictMetrics(registry),
    ...registerGateMetrics(registry),
    ...registerResyncMetrics(registry),
    ...registerLedgerMetrics(registry),
  };
}
