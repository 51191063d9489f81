import { Counter, Gauge, type Registry } from '@prometheus-io/client';
import type { PoolStats } from '../../ledger/pool/pool-stats.ts';

/** Metrics of claims, releases and pools. */
export interface AddressMetrics {
  /** Counts a claim that got its address. */
  allocated(pool: string): void;
  /** Counts a refused claim by the reason of its Ready condition. */
  refused(reason: string): void;
  /** Counts an address that the operator released. */
  released(cause: string): void;
  /** Records the state of all pools. */
  pools(stats: readonly PoolStats[]): void;
}

const POOL_STATES = ['active', 'pending', 'stocked', 'reserved', 'released', 'orphaned', 'observed', 'free'] as const;

export function registerAddressMetrics(registry: Registry): AddressMetrics {
  const registers = [registry];
  const allocations = new Counter({
    name: 'rockmac_claims_allocated_total',
    help: 'Claims that got their address, by pool.',
    labelNames: ['pool'],
    registers,
  });
  const refusals = new Counter({
    name: 'rockmac_claims_refused_total',
    help: 'Claims whose Ready condition became False, by reason.',
    labelNames: ['reason'],
    registers,
  });
  const releases = new Counter({
    name: 'rockmac_releases_total',
    help: 'Addresses that the operator released, by cause.',
    labelNames: ['cause'],
    registers,
  });
  const addresses = new Gauge({
    name: 'rockmac_pool_addresses',
    help: 'Addresses of each pool by state. Those that can be allocated now are free.',
    labelNames: ['pool', 'state'],
    registers,
  });
  const capacities = new Gauge({
    name: 'rockmac_pool_capacity',
    help: 'Addresses in the range of each pool.',
    labelNames: ['pool'],
    registers,
  });
  return {
    allocated: (pool) => {
      allocations.inc({ pool });
    },
    refused: (reason) => {
      refusals.inc({ reason });
    },
    released: (cause) => {
      releases.inc({ cause });
    },
    pools: (stats) => {
      // A pool that was removed must not keep its last values.
      capacities.reset();
      addresses.reset();
      for (const pool of stats) {
        capacities.set({ pool: pool.pool }, pool.capacity);
        for (const state of POOL_STATES) addresses.set({ pool: pool.pool, state }, pool[state]);
      }
    },
  };
}
