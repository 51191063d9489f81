import { z } from 'zod';
import { POOL_STRATEGIES, type PoolStrategy } from '../../api/pool-strategy.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { addrSchema } from '../address/owner.ts';
import { optionalColumn } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';

/** Utilisation of one pool. */
export interface PoolStats {
  readonly pool: string;
  readonly description: string;
  readonly first: MacAddress;
  readonly last: MacAddress;
  readonly capacity: number;
  readonly active: number;
  readonly pending: number;
  /** Addresses that are set aside for webhooks. */
  readonly stocked: number;
  readonly reserved: number;
  readonly released: number;
  readonly orphaned: number;
  /** Addresses that live objects use without owning them. They are not handed out. */
  readonly observed: number;
  /** Addresses that can be handed out now: never used, or released and past the reuse delay. */
  readonly free: number;
  /** Addresses that are not free, in percent of the capacity: 0 to 100, two decimals. */
  readonly utilisation: number;
  /** Number of owners that addresses of this pool ever had, and how many of them released theirs. */
  readonly totalAllocated: number;
  readonly totalReleased: number;
  /** Released addresses that cannot be handed out yet: their reuse delay has not passed, or the clock is not believed. */
  readonly waiting: number;
  /** The next address that was never used. Absent if there is none, and in a random pool. */
  readonly cursor?: MacAddress | undefined;
  readonly strategy: PoolStrategy;
  readonly paused: boolean;
}

const statsRow: z.ZodType<PoolStats> = z
  .object({
    pool: z.string(),
    description: z.string(),
    first: addrSchema,
    last: addrSchema,
    capacity: z.int(),
    active_count: z.int(),
    pending_count: z.int(),
    stocked_count: z.int(),
    reserved_count: z.int(),
    released_count: z.int(),
    orphaned_count: z.int(),
    observed_count: z.int(),
    free_count: z.int(),
    utilisation: z.number(),
    total_allocated: z.int(),
    total_released: z.int(),
    waiting_count: z.int(),
    cursor: optionalColumn(addrSchema),
    strategy: z.enum(POOL_STRATEGIES),
    paused: z.boolean(),
  })
  .transform((row) => ({
    pool: row.pool,
    description: row.description,
    first: row.first,
    last: row.last,
    capacity: row.capacity,
    active: row.active_count,
    pending: row.pending_count,
    stocked: row.stocked_count,
    reserved: row.reserved_count,
    released: row.released_count,
    orphaned: row.orphaned_count,
    observed: row.observed_count,
    free: row.free_count,
    utilisation: row.utilisation,
    totalAllocated: row.total_allocated,
    totalReleased: row.total_released,
    waiting: row.waiting_count,
    cursor: row.cursor,
    strategy: row.strategy,
    paused: row.paused,
  }));

/**
 * Returns one row per pool, in the order of their ranges. Reads every row of `addresses` (352 ms for 1.2 million rows),
 * so call it on an interval and never in a request.
 */
export function poolStats(db: Queryable): Promise<PoolStats[]> {
  return db.query({
    text: `select pool, description, rock_mac.to_addr(first) as first, rock_mac.to_addr(last) as last, capacity, active_count,
             pending_count, stocked_count, reserved_count, released_count, orphaned_count, observed_count, free_count,
             utilisation_percent::float8 as utilisation, total_allocated, total_released, waiting_count, rock_mac.to_addr(cursor) as cursor, strategy, paused
           from rock_mac.pool_stats`,
    values: [],
    row: statsRow,
  });
}
