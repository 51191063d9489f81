import { Gauge, type Registry } from '@prometheus-io/client';

/** Metrics of addresses that were given to an interface which has another one. */
export interface AppliedMetrics {
  /** Records how many there are, by the kind of the object. */
  notApplied(addresses: ReadonlyMap<string, number>): void;
}

export function registerAppliedMetrics(registry: Registry): AppliedMetrics {
  const addresses = new Gauge({
    name: 'rockmac_addresses_not_applied',
    help: 'Addresses whose interface has another one, as its network reports, by the kind of the object.',
    labelNames: ['kind'],
    registers: [registry],
  });
  return {
    notApplied: (counts) => {
      addresses.reset();
      for (const [kind, count] of counts) addresses.set({ kind }, count);
    },
  };
}
