import { z } from 'zod';
import type { MacAddress } from '../../mac/mac-address.ts';
import { addrSchema } from '../address/owner.ts';
import type { Queryable } from '../connection/statement.ts';

/** Addresses of which this many changed at once are left to the next resync. */
const MOST = 2_000;

export interface NewlyShared {
  /** The ledger's time of this answer. */
  readonly now: Date;
  readonly macs: readonly MacAddress[];
}

const rowSchema = z.object({ now: z.date(), addr: addrSchema.nullable() });

/**
 * Returns the addresses with a user in this cluster and another one outside of it, of which any changed since a time of the ledger.
 * Without a time, returns none.
 */
export async function newlyShared(
  db: Queryable,
  { clusterId, since }: { readonly clusterId: string; readonly since: Date | undefined },
): Promise<NewlyShared> {
  const rows = await db.query({
    // The audit has a row for each address that got an owner. The row with the time comes also without any address.
    text: `select t.now, shared.addr
           from (select rock_mac.clock() as now) t left join lateral (
             select c.addr
             from (select o.addr from rock_mac.observations o where o.changed_at >= $2::timestamptz
                   union
                   select rock_mac.to_addr(l.mac_address) from rock_mac.audit_log l where l."timestamp" >= $2::timestamptz and l.mac_address is not null) c
             where exists (select from rock_mac.observations o where o.addr = c.addr)
               and (exists (select from rock_mac.observations o where o.addr = c.addr and o.cluster_id = $1)
                    or exists (select from rock_mac.addresses a where a.addr = c.addr and a.cluster_id = $1 and a.state in ('active', 'reserved')))
               and (exists (select from rock_mac.observations o where o.addr = c.addr and o.cluster_id <> $1 and o.running)
                    or exists (select from rock_mac.addresses a where a.addr = c.addr and a.cluster_id is distinct from $1 and a.state in ('active', 'reserved')))
             limit $3) shared on true`,
    values: [clusterId, since, MOST],
    row: rowSchema,
  });
  const [first] = rows;
  if (first === undefined) throw new Error('The ledger did not return its time');
  return { now: first.now, macs: rows.flatMap(({ addr }) => addr ?? []) };
}
