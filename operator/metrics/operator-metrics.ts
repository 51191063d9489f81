import { Registry } from '@prometheus-io/client';
import { measureMemory } from '../../process/memory-metric.ts';
import { registerAddressMetrics, type AddressMetrics } from './address-metrics.ts';
import { registerKubeMetrics, type KubeMetrics } from './kube-metrics.ts';
import { registerLedgerMetrics, type LedgerMetrics } from './ledger-metrics.ts';
import { registerResyncMetrics, type ResyncMetrics } from './resync-metrics.ts';

/** All metrics of the operator. Times are in seconds, as Prometheus recommends. */
export interface OperatorMetrics extends KubeMetrics, AddressMetrics, ResyncMetrics, LedgerMetrics {
  readonly registry: Registry;
}

export function createOperatorMetrics(): OperatorMetrics {
  const registry = new Registry();
  measureMemory(registry);
  return {
    registry,
    ...registerKubeMetrics(registry),
    ...registerAddressMetrics(registry),
    ...registerResyncMetrics(registry),
    ...registerLedgerMetrics(registry),
  };
}
