import { Gauge, type Registry } from '@prometheus-io/client';

/** Registers the memory metric of the process, under its conventional Prometheus name. */
export function measureMemory(registry: Registry): void {
  new Gauge({
    name: 'process_resident_memory_bytes',
    help: 'Memory of the process.',
    registers: [registry],
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
}
