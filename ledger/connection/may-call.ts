import { z } from 'zod';
import { type Queryable, queryOne } from './statement.ts';

/** Returns whether the login of the session may call a function of the ledger, such as `release`. */
export async function mayCall(db: Queryable, name: string): Promise<boolean> {
  const { allowed } = await queryOne(db, {
    text: `select coalesce(bool_or(has_function_privilege(p.oid, 'execute')), false) and not pg_is_in_recovery() as allowed
           from pg_proc p where p.pronamespace = 'rock_mac'::regnamespace and p.proname = $1`,
    values: [name],
    row: z.object({ allowed: z.boolean() }),
  });
  return allowed;
}
