import type { PoolClient } from 'pg';
import { UserError } from '../errors.ts';

/** Postgres' own roles that only read. */
const READING_ROLES = [
  'rock_mac_auditor',
  'pg_monitor',
  'pg_read_all_data',
  'pg_read_all_settings',
  'pg_read_all_stats',
  'pg_stat_scan_tables',
];

/*
 * A query can leave every role that its session has taken (`set_config('role', 'none', true)`), but never its login. So
 * the login decides what a query can do.
 */
const RIGHTS = `
  select l.rolname as login,
    case
      when l.rolsuper then 'is a superuser'
      when l.rolcreaterole or l.rolcreatedb or l.rolreplication or l.rolbypassrls then 'may create roles or databases, or replicate'
      when exists (select from pg_namespace where nspname = 'rock_mac' and nspowner = l.oid)
        or exists (select from pg_class where relnamespace = to_regnamespace('rock_mac') and relowner = l.oid)
        then 'owns the ledger'
      when exists (select from pg_class c where relnamespace = to_regnamespace('rock_mac') and relkind in ('r', 'p')
          and has_table_privilege(l.oid, c.oid, 'insert, update, delete, truncate'))
        then 'may write tables of the ledger'
      else (select 'is a member of ' || string_agg(r.rolname, ', ' order by r.rolname) from pg_roles r
            where r.oid <> l.oid and pg_has_role(l.oid, r.oid, 'member') and r.rolname <> all ($1))
    end as more
  from pg_roles l where l.rolname = session_user`;

/** Throws a UserError if the login of the session can do more than read. */
export async function requireReadingLogin(client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ login: string; more: string | null }>(RIGHTS, [READING_ROLES]);
  const [found] = rows;
  if (found?.more === null) return;
  const why = found === undefined ? 'its login is not known' : `${JSON.stringify(found.login)} ${found.more}`;
  throw new UserError(
    `\`rock-mac sql\` needs a login that can only read, but ${why}.`,
    'Create one with `create role NAME login in role rock_mac_auditor` and name it in --ledger.',
    'forbidden',
  );
}
