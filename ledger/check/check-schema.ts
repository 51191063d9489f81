import { PROGRAM_VERSION } from '../migrate.ts';
import expected from './schema-objects.json' with { type: 'json' };

/** Fixes the settings that change how Postgres prints a definition, until the end of the transaction. */
export const SCHEMA_SETTINGS = `
  select set_config('search_path', 'pg_catalog', true), set_config('intervalstyle', 'postgres', true),
         set_config('quote_all_identifiers', 'off', true)`;

/**
 * Selects every object that guards the ledger: its name, a digest of its definition, and whether it is in force.
 * Owners, rights and views are left out, because they guard nothing. PostgreSQL 16, 17 and 18 print all definitions
 * alike.
 */
export const SCHEMA_OBJECTS = `
  select object, left(encode(sha256(convert_to(definition, 'UTF8')), 'hex'), 16) as digest, in_force from (
    select 'column ' || c.relname || '.' || a.attname as object, true as in_force,
           concat_ws(' ', format_type(a.atttypid, a.atttypmod), nullif(a.attcollation, 0)::regcollation,
                     case when a.attnotnull then 'not null' end, a.attidentity, pg_get_expr(d.adbin, d.adrelid)) as definition
    from pg_attribute a join pg_class c on c.oid = a.attrelid left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where c.relnamespace = 'rock_mac'::regnamespace and c.relkind in ('r', 'c') and a.attnum > 0 and not a.attisdropped
    union all
    select 'constraint ' || c.relname || '.' || k.conname, true, pg_get_constraintdef(k.oid)
    from pg_constraint k join pg_class c on c.oid = k.conrelid
    where c.relnamespace = 'rock_mac'::regnamespace and k.contype in ('c', 'p', 'u', 'x')
    union all
    select 'index ' || c.relname, i.indisvalid and i.indisready, pg_get_indexdef(c.oid)
    from pg_index i join pg_class c on c.oid = i.indexrelid where c.relnamespace = 'rock_mac'::regnamespace
    union all
    select 'trigger ' || c.relname || '.' || t.tgname, t.tgenabled in ('O', 'A'), pg_get_triggerdef(t.oid)
    from pg_trigger t join pg_class c on c.oid = t.tgrelid where c.relnamespace = 'rock_mac'::regnamespace and not t.tgisinternal
    union all
    select 'function ' || f.proname, true, pg_get_functiondef(f.oid) from pg_proc f where f.pronamespace = 'rock_mac'::regnamespace
  ) objects`;

/**
 * Selects objects of this program's migrations that are missing, not in force or changed. A newer schema may have more
 * objects and changed ones. A test writes `schema-objects.json` from a migrated ledger: `npx vitest run --project
 * integration test/integration/ledger-check.test.ts -u`.
 */
export const SCHEMA_BROKEN = `
  select wanted.key as object,
         case when found.object is null then 'missing' when not found.in_force then 'not in force' else 'changed' end as problem
  from jsonb_each_text('${JSON.stringify(expected)}') wanted left join (${SCHEMA_OBJECTS}) found on found.object = wanted.key
  where found.object is null or not found.in_force
     or (found.digest <> wanted.value and (select max(version) from rock_mac.schema_version) = ${String(PROGRAM_VERSION)})
  order by wanted.key`;
