import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, escapeIdentifier, escapeLiteral } from 'pg';
import { z } from 'zod';
import { connectionConfig, type ConnectionOptions } from './connection/connection-config.ts';
import { SafeClient } from './connection/safe-client.ts';
import { type Queryable, queryOne } from './connection/statement.ts';
import { LedgerError, messageOf, sqlState, toLedgerError } from './errors.ts';

export type MigrateOptions = Partial<Omit<ConnectionOptions, 'url'>> & {
  /** Another folder of migrations, for tests. */
  readonly directory?: URL | undefined;
};

export interface Migrated {
  /** File names of the migrations that were applied by this call, in order. */
  readonly applied: string[];
  /** The schema version afterwards. */
  readonly version: number;
}

/** One file of `migrations/`. */
interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  /** A program whose newest migration is below this number must not use the schema. */
  readonly minProgram: number;
}

const MIGRATIONS = new URL('./migrations/', import.meta.url);

/** The schema version that this program was written for: the highest number in `migrations/`. A test compares them. */
export const PROGRAM_VERSION = 24;

/**
 * The number is arbitrary, but all versions must use the same one. Held until the end of each migration's transaction.
 */
const MIGRATION_LOCK = 5_808_001;

/**
 * How long a migration waits for a table lock, and how long it then lets other statements pass before it retries. Other
 * statements queue behind the waiting migration. Both are well below the 3 seconds that an admission may take.
 */
const TABLE_LOCK_TIMEOUT_MS = 800;
const TABLE_LOCK_PAUSE_MS = 1_000;
const TABLE_LOCK_TRIES = 30;

/**
 * Upgrades the schema of a ledger to this program's version. Each file is one transaction under one advisory lock. So
 * concurrent migrators run each file once, and a failed migration leaves nothing behind. Needs a direct connection (not
 * pgbouncer in statement mode) and the right to create objects in the database.
 *
 * Throws LEDGER_SCHEMA_TOO_NEW after a breaking change by a newer program, and LEDGER_MIGRATION_FAILED with the file's
 * name if a migration fails. Throws the usual connection errors as well.
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<Migrated> {
  const { applicationName = 'rock-mac migrate', connectTimeoutMs = 5_000, directory = MIGRATIONS } = options;
  const migrations = await readMigrations(directory);
  const client = new SafeClient(connectionConfig({ ...options, url, applicationName, connectTimeoutMs }));
  client.on('error', () => undefined); // the running statement gets the same error
  try {
    await client.connect();
    const applied: string[] = [];
    for (const migration of migrations) {
      if (await applyWithPatience(client, migration, migrations.length)) applied.push(migration.name);
    }
    await setDefaults(client);
    await grantRoles(client, applied.length > 0);
    return { applied, version: migrations.length };
  } catch (error) {
    throw toLedgerError(error, 'be migrated');
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function readMigrations(directory: URL): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
  return Promise.all(
    names.map(async (name, index) => {
      const version = Number.parseInt(name, 10);
      if (version !== index + 1) throw new Error(`${name} must be migration number ${String(index + 1)}`);
      const sql = await readFile(new URL(name, directory), 'utf8');
      const breaking = /^-- min-program: (\d+)$/m.exec(sql)?.[1];
      return { version, name, sql, minProgram: breaking === undefined ? 0 : Number.parseInt(breaking, 10) };
    }),
  );
}

/**
 * Runs one migration and retries while a table is locked. A schema change waits for statements that use the table, and
 * all other statements wait behind it. Short waits with pauses keep a long report from blocking all allocations.
 */
async function applyWithPatience(client: Client, migration: Migration, programVersion: number): Promise<boolean> {
  for (let tries = 1; ; tries++) {
    try {
      return await apply(client, migration, programVersion);
    } catch (error) {
      await client.query('rollback').catch(() => undefined);
      if (sqlState(error) === '55P03' && tries < TABLE_LOCK_TRIES) {
        await sleep(TABLE_LOCK_PAUSE_MS);
        continue;
      }
      if (error instanceof LedgerError || sqlState(error) === undefined) throw error;
      const cause = messageOf(error);
      throw new LedgerError('LEDGER_MIGRATION_FAILED', `Migration ${migration.name} failed: ${cause}`, {
        cause: error,
      });
    }
  }
}

async function apply(client: Client, migration: Migration, programVersion: number): Promise<boolean> {
  await client.query('begin');
  await client.query('set local statement_timeout = 0');
  await client.query('set local lock_timeout = 0');
  // Of two concurrent migrators, the second waits here and then sees the migrations of the first.
  await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
  await client.query(`set local lock_timeout = ${String(TABLE_LOCK_TIMEOUT_MS)}`);
  const found = await client.query<{ there: boolean }>(
    `select to_regclass('rock_mac.schema_version') is not null as there`,
  );
  if (found.rows[0]?.there !== true) await client.query(CREATE_SCHEMA_VERSION);
  await client.query('set local search_path = rock_mac, pg_temp'); // bodies of SQL functions are resolved at creation
  const state = await client.query<{ version: number; min_program: number }>(VERSIONS);
  const { version = 0, min_program: minProgram = 0 } = state.rows[0] ?? {};
  refuseNewer({ version, minProgram }, programVersion);
  const due = version < migration.version;
  if (due) {
    await client.query(migration.sql);
    // Default privileges of one schema cannot do this: PUBLIC may execute every new function unless it is revoked.
    await client.query('revoke execute on all functions in schema rock_mac from public');
    await client.query('insert into rock_mac.schema_version (version, name, min_program) values ($1, $2, $3)', [
      migration.version,
      migration.name,
      migration.minProgram,
    ]);
  }
  await client.query('commit');
  return due;
}

const CREATE_SCHEMA_VERSION = `
  create schema if not exists rock_mac;
  create table rock_mac.schema_version (
    version     int primary key,
    name        text not null,
    min_program int not null,   -- a program that knows no migration as high as this must not use the schema
    applied_at  timestamptz not null default now()
  )`;

const VERSIONS = `select coalesce(max(version), 0) as version, coalesce(max(min_program), 0) as min_program from rock_mac.schema_version`;

/**
 * Server limits for sessions in this database. An abandoned statement or transaction holds its locks no longer than
 * this. A pooler does not forward such settings at session start, so they belong to the database. (Lock waits are
 * shorter: functions set their own lock_timeout.) A client that gave up closes its connection, and tries again: without the check
 * of the connection, its earlier attempts would go on for a minute, each in a session of its own.
 */
const SESSION_LIMITS = {
  statement_timeout: '1min',
  idle_in_transaction_session_timeout: '1min',
  client_connection_check_interval: '5s',
} as const;

/**
 * Sets the search path for the predecessor's queries, which name tables without a schema, and the limits above. A
 * provider may forbid this; the ledger works without it.
 */
async function setDefaults(client: Client): Promise<void> {
  try {
    const { rows } = await client.query<{ name: string }>('select current_database() as name');
    const name = escapeIdentifier(rows[0]?.name ?? '');
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK]); // two concurrent calls would update one catalogue row
    await client.query(`alter database ${name} set search_path = "$user", public, rock_mac`);
    for (const [limit, value] of Object.entries(SESSION_LIMITS)) {
      await client.query(unlessUnsupported(`alter database ${name} set ${limit} = '${value}'`));
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    if (sqlState(error) !== '42501') throw error;
  }
}

/** Servers on some systems, such as Windows, cannot check a connection and refuse the setting. */
function unlessUnsupported(command: string): string {
  return `do ${escapeLiteral(`begin ${command}; exception when invalid_parameter_value then null; end`)}`;
}

/** Whether the roles of 0024-roles.sql have their rights. An administrator may create a role after the migration. */
const GRANTS = `
  select to_regproc('rock_mac.grant_roles') is not null as known,
         exists (select from pg_roles where rolname in ('rock_mac_app', 'rock_mac_device', 'rock_mac_admin', 'rock_mac_auditor')
                   and not has_schema_privilege(rolname, 'rock_mac', 'usage')) as missing`;

/**
 * Creates the roles of the programs, unless the owner may not, and gives them their rights. Does nothing for a user other
 * than the owner.
 */
async function grantRoles(client: Client, isChanged: boolean): Promise<void> {
  try {
    const { rows } = await client.query<{ known: boolean; missing: boolean }>(GRANTS);
    const [{ known, missing } = { known: false, missing: false }] = rows;
    if (!known || !(isChanged || missing)) return;
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK]); // two concurrent calls would update the same rows
    await client.query('select rock_mac.grant_roles()');
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    if (sqlState(error) !== '42501') throw error;
  }
}

/** The schema version of a ledger. */
export interface SchemaVersion {
  /** 0: the database has no ledger schema. */
  readonly version: number;
  readonly minProgram: number;
}

/** Returns the schema version of a ledger; version 0 if it has no schema. */
export async function schemaVersion(db: Queryable): Promise<SchemaVersion> {
  // Two steps: a statement that names a missing table fails, even in a branch that does not run.
  const { there } = await queryOne(db, {
    text: `select to_regclass('rock_mac.schema_version') is not null as there`,
    values: [],
    row: z.object({ there: z.boolean() }),
  });
  if (!there) return { version: 0, minProgram: 0 };
  const row = await queryOne(db, {
    text: VERSIONS,
    values: [],
    row: z.object({ version: z.int(), min_program: z.int() }),
  });
  return { version: row.version, minProgram: row.min_program };
}

/**
 * Refuses a ledger that this program cannot use, at start instead of in the middle of a request. Accepts a newer schema
 * without a breaking change, because versions N and N-1 run together during an upgrade.
 */
export async function requireSchema(db: Queryable): Promise<SchemaVersion> {
  const schema = await requireKnownSchema(db);
  if (schema.version < PROGRAM_VERSION) {
    const what = `The ledger has schema ${String(schema.version)}, but this program needs ${String(PROGRAM_VERSION)}`;
    throw new LedgerError('LEDGER_SCHEMA_TOO_OLD', what);
  }
  return schema;
}

/** Like `requireSchema`, but also accepts an older schema, for a backup before its migration. */
export async function requireKnownSchema(db: Queryable): Promise<SchemaVersion> {
  const schema = await schemaVersion(db);
  if (schema.version === 0) throw new LedgerError('LEDGER_SCHEMA_MISSING', 'This database has no ledger yet');
  refuseNewer(schema, PROGRAM_VERSION);
  return schema;
}

function refuseNewer(schema: SchemaVersion, programVersion: number): void {
  if (schema.minProgram <= programVersion) return;
  const what =
    `The ledger has schema ${String(schema.version)}, which needs a program of schema ${String(schema.minProgram)} or later; ` +
    `this one has schema ${String(programVersion)}`;
  throw new LedgerError('LEDGER_SCHEMA_TOO_NEW', what);
}
