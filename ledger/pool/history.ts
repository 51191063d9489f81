import { z } from 'zod';
import { requireValid } from '../address/validate.ts';
import { storableText } from '../column-schemas.ts';
import type { Queryable } from '../connection/statement.ts';

/** What happened in a pool in one hour. An hour without a change has none. */
export interface PoolHour {
  readonly pool: string;
  /** The beginning of the hour, in UTC. */
  readonly hour: Date;
  /** How many addresses are held at its end, the stock of webhooks included. */
  readonly held: number;
  /** How many addresses got a new owner. */
  readonly handedOut: number;
  readonly released: number;
}

export interface HistoryFilter {
  /** Default: all pools. */
  readonly pool?: string | undefined;
  /** Hours that begin at or after this time, and for each pool the last hour before it. Default: all. */
  readonly since?: Date | undefined;
  /** Rows after the previous page: pool and hour of its last row. */
  readonly after?: Pick<PoolHour, 'pool' | 'hour'> | undefined;
  /** Maximum number of rows: 1 to 100,000. Default: 10,000. */
  readonly limit?: number | undefined;
}

const filterSchema = z.object({
  pool: storableText(63).optional(),
  since: z.date().optional(),
  after: z.object({ pool: storableText(63), hour: z.date() }).optional(),
  limit: z.int().min(1).max(100_000).optional(),
});

const hourRow: z.ZodType<PoolHour> = z
  .object({ pool: z.string(), hour: z.date(), held: z.int(), handed_out: z.int(), released: z.int() })
  .transform(({ handed_out: handedOut, ...row }) => ({ ...row, handedOut }));

/**
 * Returns the hours of pools, by pool and time. Rows of the audit count once they are sealed, which is some seconds after
 * they were written. Reads the hours of the pools, and no row of the audit. Throws BAD_REQUEST for an invalid filter.
 */
export function poolHistory(db: Queryable, filter: HistoryFilter = {}): Promise<PoolHour[]> {
  requireValid(filterSchema, filter, 'The history filter');
  const { pool, since, after, limit = 10_000 } = filter;
  return db.query({
    text: `select pool, hour, held, handed_out, released
           from (select h.pool, h.hour, h.handed_out, h.released,
                   (sum(h.held_change) over w)::bigint as held, lead(h.hour) over w as next
                 from rock_mac.audit_hours h where ($1::text is null or h.pool = $1)
                 window w as (partition by h.pool order by h.hour)) h
           where ($2::timestamptz is null or next is null or next > date_trunc('hour', $2::timestamptz, 'UTC'))
             and ($3::text is null or (pool, hour) > ($3, $4::timestamptz))
           order by pool, hour limit $5`,
    values: [pool, since, after?.pool, after?.hour, limit],
    row: hourRow,
  });
}
