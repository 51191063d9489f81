import { z } from 'zod';
import type { MacPrefix } from '../../mac/mac-range.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';

/**
 * Changes the prefix of the ledger. Returns false if it already has pools, addresses or clusters. The caller first
 * removes the pools of the old prefix, in the same transaction. That locks them, so no address can be handed out in
 * between.
 */
export async function changePrefix(db: Queryable, prefix: MacPrefix): Promise<boolean> {
  const { changed } = await queryOne(db, {
    text: `with changed as (
             update rock_mac.ledger_state set prefix = $1, changed_at = rock_mac.clock()
             where not exists (select 1 from rock_mac.pools) and not exists (select 1 from rock_mac.addresses)
               and not exists (select 1 from rock_mac.clusters)
             returning 1)
           select exists (select 1 from changed) as changed`,
    values: [prefix],
    row: z.object({ changed: z.boolean() }),
  });
  return changed;
}
