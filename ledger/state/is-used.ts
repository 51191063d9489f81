import { z } from 'zod';
import { type Queryable, queryOne } from '../connection/statement.ts';

/** Returns whether the ledger ever handed out an address or knows a cluster. Somebody may have defined its prefixes and pools. */
export async function isUsed(db: Queryable): Promise<boolean> {
  const { used } = await queryOne(db, {
    text: `select exists (select from rock_mac.addresses) or exists (select from rock_mac.audit_log l where l.action !~ '^(pool|prefix)-')
             or exists (select from rock_mac.clusters) as used`,
    values: [],
    row: z.object({ used: z.boolean() }),
  });
  return used;
}
