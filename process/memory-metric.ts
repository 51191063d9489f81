import { Gauge, type Registry } from '@prometheus-io/client';

/** Adds the memory of this process to its metrics, under the name that every Prometheus client gives it. */
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
