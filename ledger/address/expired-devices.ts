import { z } from 'zod';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { Queryable } from '../connection/statement.ts';
import { addrSchema } from './owner.ts';

/** Expired devices outside clusters. Addresses of a cluster are excluded: its operator checks them first. */
const EXPIRED = `a.state = 'active' and a.cluster_id is null and a.expires_at < (select rock_mac.clock()) - make_interval(secs => $1)`;

/** What a clean-up would release from a pool, and how many of its addresses are held. */
export interface ExpiredInPool {
  readonly pool: string;
  readonly expired: number;
  readonly held: number;
}

/** Returns pools with devices that expired at least `graceSeconds` ago, in the order of their ranges. */
export function expiredByPool(db: Queryable, graceSeconds: number): Promise<ExpiredInPool[]> {
  return db.query({
    text: `select p.name as pool, count(*) filter (where ${EXPIRED}) as expired,
             count(*) filter (where a.state in ('active', 'pending', 'reserved')) as held
           from rock_mac.addresses a join rock_mac.pools p using (pool_id)
           group by p.pool_id having count(*) filter (where ${EXPIRED}) > 0 order by p.first`,
    values: [graceSeconds],
    row: z.object({ pool: z.string(), expired: z.int(), held: z.int() }),
  });
}

/**
 * Releases expired devices of one pool, at most `limit`, and returns their addresses. Call it again until it returns
 * fewer. Nothing expires while the ledger is closed, or while its clock is not believed.
 */
export async function releaseExpiredDevices(
  db: Queryable,
  options: {
    readonly pool: string;
    readonly graceSeconds: number;
    readonly limit: number;
    readonly actor: string;
  },
): Promise<MacAddress[]> {
  const { pool, graceSeconds, limit, actor } = options;
  const rows = await db.query({
    text: `select addr from rock_mac.release_expired_devices($1, make_interval(secs => $2), $3, $4) as addr`,
    values: [pool, graceSeconds, limit, actor],
    row: z.object({ addr: addrSchema }),
  });
  return rows.map(({ addr }) => addr);
}
