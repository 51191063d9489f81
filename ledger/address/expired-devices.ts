import { z } from 'zod';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { LedgerClient } from '../connection/connect.ts';
import { addrSchema } from './owner.ts';
import { release } from './release.ts';
import type { Queryable } from '../connection/statement.ts';

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
 * fewer. Rows stay locked from the expiry check to the release, so no renewal can fall in between. Nothing expires
 * while the ledger is closed: after a failover a renewal may be missing, and the recovery covers that.
 */
export async function releaseExpired(
  db: Pick<LedgerClient, 'transaction'>,
  options: {
    readonly pool: string;
    readonly graceSeconds: number;
    readonly limit: number;
    readonly actor: string;
  },
): Promise<MacAddress[]> {
  const { pool, graceSeconds, limit, actor } = options;
  return db.transaction(async (transaction) => {
    const rows = await transaction.query({
      text: `select a.addr as mac, a.generation, a.holder_key as key from rock_mac.addresses a join rock_mac.pools p using (pool_id)
             where ${EXPIRED} and p.name = $2 and (select rock_mac.not_open()) is null
             order by a.addr limit $3 for update of a skip locked`,
      values: [graceSeconds, pool, limit],
      row: z.object({ mac: addrSchema, generation: z.int(), key: z.string() }),
    });
    await release(transaction, rows, { actor, reason: 'expired' });
    return rows.map(({ mac }) => mac);
  });
}
