import { z } from 'zod';
import { macToNumber } from '../../mac/mac-address.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';
import type { Pool } from '../pool/pools.ts';

/** How many observations one statement looks at. It holds the locks of their pools meanwhile. */
const SLICE = 500;

const rowSchema = z.object({ looked_at: z.int(), ended: z.int() });

/**
 * Applies the limits of observations to addresses that were recorded in no pool and are in one by now. Returns how many observations
 * ended, because older ones fill the limits.
 *
 * @param pools are the pools as they were when `limited` of these observations was decided: later ones may be usable by their namespace
 */
export async function limitObservations(
  db: Queryable,
  { clusterId, pools }: { readonly clusterId: string; readonly pools: readonly Pick<Pool, 'first' | 'last'>[] },
): Promise<number> {
  const ranges = pools.flatMap(({ first, last }) => [macToNumber(first), macToNumber(last)]);
  let total = 0;
  for (;;) {
    const { looked_at: lookedAt, ended } = await queryOne(db, {
      text: `select looked_at, ended from rock_mac.limit_observations($1, $2::bigint[], $3)`,
      values: [clusterId, ranges, SLICE],
      row: rowSchema,
    });
    total += ended;
    if (lookedAt < SLICE) return total;
  }
}
