import { Counter, Gauge, Histogram, type Registry } from '@prometheus-io/client';
import { DURATION_BUCKETS } from './kube-metrics.ts';

/** Metrics of resyncs, and of the automatic release at their end. */
export interface ResyncMetrics {
  /** Records a resync that counts. */
  resyncEnded(resync: { readonly durationMs: number }): void;
  /** Counts addresses in use that are not protected, because a limit of observed addresses is reached. */
  unprotected(addresses: number): void;
  /** Records how many addresses of each pool wait for an approval. */
  autoReleaseHeld(addresses: ReadonlyMap<string, number>): void;
}

export function registerResyncMetrics(registry: Registry): ResyncMetrics {
  const registers = [registry];
  const durations = new Histogram({
    name: 'rockmac_resync_duration_seconds',
    help: 'Duration of the resyncs that compared the whole cluster with the ledger.',
    buckets: DURATION_BUCKETS,
    registers,
  });
  const lastResync = new Gauge({
    name: 'rockmac_last_resync_timestamp_seconds',
    help: 'When the last complete resync ended, in seconds since 1970.',
    registers,
  });
  const held = new Gauge({
    name: 'rockmac_auto_release_held',
    help: 'Addresses without a live owner, and of expired claims, whose release waits for an approval, by pool.',
    labelNames: ['pool'],
    registers,
  });
  const unprotected = new Counter({
    name: 'rockmac_addresses_unprotected_total',
    help: 'Addresses in use that rock-mac did not give out and cannot protect, because a limit of observed addresses is reached.',
    registers,
  });
  return {
    unprotected: (addresses) => {
      unprotected.inc(addresses);
    },
    resyncEnded: ({ durationMs }) => {
      durations.observe(durationMs / 1_000);
      lastResync.setToCurrentTime();
    },
    autoReleaseHeld: (addresses) => {
      held.reset(); // a pool that was removed must not keep its last value
      for (const [pool, count] of addresses) held.set({ pool }, count);
    },
  };
}
