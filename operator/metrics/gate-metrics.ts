import { Gauge, type Registry } from '@prometheus-io/client';

/** Metrics of pods that wait for their addresses with a scheduling gate. */
export interface GateMetrics {
  /** Reports how many pods wait, and for how many seconds the oldest does. */
  gatedPods(count: number, oldestSeconds: number): void;
}

export function registerGateMetrics(registry: Registry): GateMetrics {
  const registers = [registry];
  const pods = new Gauge({
    name: 'rockmac_gated_pods',
    help: 'Pods that wait for their addresses with a scheduling gate, because the ledger was away when they were created.',
    registers,
  });
  const oldest = new Gauge({
    name: 'rockmac_gated_pods_oldest_seconds',
    help: 'Age of the oldest pod that waits for its addresses with a scheduling gate; 0 without one.',
    registers,
  });
  return {
    gatedPods: (count, oldestSeconds) => {
      pods.set(count);
      oldest.set(oldestSeconds);
    },
  };
}
