import { z } from 'zod';
import type { MacAddress } from '../mac/mac-address.ts';
import { addrSchema } from './owner.ts';
import type { Queryable } from './statement.ts';

/**
 * Releases devices outside clusters whose time is over, at most `limit` of them, and returns their addresses; call again
 * until it returns fewer. Nothing of a cluster expires here: its own operator looks first.
 */
export async function expireDevices(
  db: Queryable,
  options: { readonly limit: number; readonly actor: string },
): Promise<MacAddress[]> {
  const rows = await db.query({
    text: `select expire as addr from rock_mac.expire($1, $2) order by 1`,
    values: [options.limit, options.actor],
    row: z.object({ addr: addrSchema }),
  });
  return rows.map(({ addr }) => addr);
}
