import type { PoolStats } from '../../ledger/pool/pool-stats.ts';
import { mac } from '../../mac/mac-address.ts';

/** Returns counts of a pool with sixteen addresses, of which one is held. */
export function poolStatsOf(pool: string): PoolStats {
  const ends = { first: mac('a4:58:0f:00:00:01'), last: mac('a4:58:0f:00:00:10') };
  const states = { active: 1, pending: 0, stocked: 0, reserved: 0, released: 0, orphaned: 0, observed: 0, free: 15 };
  const totals = { capacity: 16, utilisation: 6.25, totalAllocated: 1, totalReleased: 0, waiting: 0 };
  return { pool, description: '', strategy: 'sequential', paused: false, ...ends, ...states, ...totals };
}
