import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client, escapeIdentifier } from 'pg';
import { z } from 'zod';
import { connectionConfig, type ConnectionOptions } from './connection/connection-config.ts';
import { LedgerError, messageOf, sqlState, toLedgerError } from './errors.ts';
import { queryOne, type Queryable } from './connection/statement.ts';

export type MigrateOptions = Partial<Omit<ConnectionOptions, 'url'>> & {
  /** Another folder of migrations: for tests. */
  readonly directory?: URL | undefined;
};

export interface Migrated {
  /** File names of what was applied now, in order; empty when there was nothing to do. */
  readonly applied: string[];
  /** The version of the schema afterwards. */
  readonly version: number;
}

/** One file of `migrations/`. */
interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  /** A program that knows no migration as high as this must not use the schema any more. */
  readonly minProgram: number;
}

const MIGRATIONS = new URL('./migrations/', import.meta.url);

/** The version that this program was written for: the highest number in `migrations/`. A test compares the two. */
export const PROGRAM_VERSION = 9;

/** Any number works as long as all versions take the same one. Held until the end of each migration's transaction. */
const MIGRATION_LOCK = 5_808_001;

/**
 * Milliseconds that a migration waits for a table, and then lets traffic pass before it tries again. Everybody who comes
 * meanwhile waits behind it, so both are well below the three seconds within which an asker has to have an answer.
 */
const TABLE_LOCK_TIMEOUT_MS = 800;
const TABLE_LOCK_PAUSE_MS = 1_000;
const TABLE_LOCK_TRIES = 30;

/**
 * Brings the schema of a ledger up to this program's version. Each file is one transaction under one advisory lock, so of
 * several migrators each file runs once, and a migration that fails leaves nothing behind. Needs a direct connection
 * (not pgbouncer in statement mode) and the right to create in the database.
 *
 * Throws LEDGER_SCHEMA_TOO_NEW where a newer program has made a breaking change, LEDGER_MIGRATION_FAILED with the file's
 * name where one fails, and the usual errors of a connection.
 */
export async function migrate(url: string, options: MigrateOptions = {}): Promise<Migrated> {
  const { applicationName = 'rock-mac migrate', connectTimeoutMs = 5_000, directory = MIGRATIONS } = options;
  const migrations = await readMigrations(directory);
  const client = new Client(connectionConfig({ ...options, url, applicationName, connectTimeoutMs }));
  client.on('error', () => undefined); // the statement that runs gets it
  try {
    await client.connect();
    const applied: string[] = [];
    for (const migration of migrations) {
      if (await applyWithPatience(client, migration, migrations.length)) applied.push(migration.name);
    }
    await setDefaults(client);
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
      if (version !== index + 1) throw new Error(`${name} should be migration number ${String(index + 1)}`);
      const sql = await readFile(new URL(name, directory), 'utf8');
      const breaking = /^-- min-program: (\d+)$/m.exec(sql)?.[1];
      return { version, name, sql, minProgram: breaking === undefined ? 0 : Number.parseInt(breaking, 10) };
    }),
  );
}

/**
 * A change of a table waits for statements that use it, and everybody else waits behind the change. So it waits briefly,
 * gives way and comes again, instead of stopping all allocation for as long as somebody's report runs.
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
  // Two migrators at once: the second waits here and then sees what the first has applied.
  await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
  await client.query(`set local lock_timeout = ${String(TABLE_LOCK_TIMEOUT_MS)}`);
  const found = await client.query<{ there: boolean }>(
    `select to_regclass('rock_mac.schema_version') is not null as there`,
  );
  if (found.rows[0]?.there !== true) await client.query(CREATE_SCHEMA_VERSION);
  await client.query('set local search_path = rock_mac, pg_temp'); // bodies of SQL functions are resolved when they are made
  const state = await client.query<{ version: number; min_program: number }>(VERSIONS);
  const { version = 0, min_program: minProgram = 0 } = state.rows[0] ?? {};
  refuseNewer({ version, minProgram }, programVersion);
  const due = version < migration.version;
  if (due) {
    await client.query(migration.sql);
    // What default privileges of one schema cannot do: PUBLIC may execute every new function unless told otherwise.
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
 * Limits of the server for the role that migrates, in this database: what a client has given up, or left in the middle of a
 * transaction, holds its locks no longer than this. A pooler forwards no such settings at the start of a session, so they
 * belong to the role. (Locks are waited for less long: functions set that themselves.)
 */
const ROLE_LIMITS = { statement_timeout: '1min', idle_in_transaction_session_timeout: '1min' } as const;

/**
 * The old tool's queries name tables without a schema; and the limits above. A provider may not allow this, and nothing of
 * ours needs it to be right.
 */
async function setDefaults(client: Client): Promise<void> {
  try {
    const { rows } = await client.query<{ name: string }>('select current_database() as name');
    const name = escapeIdentifier(rows[0]?.name ?? '');
    await client.query('begin');
    await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK]); // two at once update one catalogue row
    await client.query(`alter database ${name} set search_path = "$user", public, rock_mac`);
    for (const [limit, value] of Object.entries(ROLE_LIMITS)) {
      await client.query(`alter role current_user in database ${name} set ${limit} = '${value}'`);
    }
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    if (sqlState(error) !== '42501') throw error;
  }
}

/** What the ledger says of its schema. */
export interface SchemaVersion {
  /** 0: there is none. */
  readonly version: number;
  readonly minProgram: number;
}

/** The version of the schema in a ledger; 0 where there is none. */
export async function schemaVersion(db: Queryable): Promise<SchemaVersion> {
  // In two steps: a statement that names a table fails where the table is missing, even in a branch that does not run.
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
 * Refuses a ledger that this program cannot work with, at start and not in the middle of a request. A newer schema without
 * a breaking change is fine, so that version N and N-1 run side by side during an upgrade.
 */
export async function requireSchema(db: Queryable): Promise<SchemaVersion> {
  const schema = await requireKnownSchema(db);
  if (schema.version < PROGRAM_VERSION) {
    const what = `The ledger has schema ${String(schema.version)}, this program needs ${String(PROGRAM_VERSION)}`;
    throw new LedgerError('LEDGER_SCHEMA_TOO_OLD', what);
  }
  return schema;
}

/** As `requireSchema`, but takes an older schema too: to read all of it before it is migrated. */
export async function requireKnownSchema(db: Queryable): Promise<SchemaVersion> {
  const schema = await schemaVersion(db);
  if (schema.version === 0) throw new LedgerError('LEDGER_SCHEMA_MISSING', 'This database holds no ledger yet');
  refuseNewer(schema, PROGRAM_VERSION);
  return schema;
}

function refuseNewer(schema: SchemaVersion, programVersion: number): void {
  if (schema.minProgram <= programVersion) return;
  const what =
    `The ledger has schema ${String(schema.version)}, which only programs from schema ${String(schema.minProgram)} on may use; ` +
    `this one knows ${String(programVersion)}`;
  throw new LedgerError('LEDGER_SCHEMA_TOO_NEW', what);
}
