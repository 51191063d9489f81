import { type PoolClient, types } from 'pg';
import { z } from 'zod';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { isLedgerError, sqlState, toLedgerError } from '../../ledger/errors.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { writeClientAccess } from './embedded/client-access.ts';
import type { EmbeddedFolder } from './embedded/folder.ts';
import { ensureReader, readerUrl } from './embedded/reader.ts';
import { findLedger, type LedgerLocation } from './find-ledger.ts';
import { openLocation } from './open.ts';
import { requireReadingLogin } from './reading-login.ts';

export interface QueryResult {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** Runs one read-only query. Throws a UserError for any other statement. */
export async function querySql(options: GlobalOptions, statement: string): Promise<QueryResult> {
  const ledger = await openForReading(await findLedger(options, process.env));
  try {
    return await runReadOnly(ledger, statement);
  } finally {
    await ledger.close();
  }
}

async function openForReading(location: LedgerLocation): Promise<LedgerClient> {
  const { embedded } = location;
  if (embedded === undefined) return openLocation(location);
  const asReader = { ...location, url: readerUrl(embedded.folder) };
  try {
    return await openLocation(asReader);
  } catch (error) {
    if (!isLedgerError(error) || error.code !== 'LEDGER_AUTH_FAILED') throw error;
    await admitReader(location, embedded.folder);
    return openLocation(asReader);
  }
}

/** Creates the reader account, which ledgers of earlier versions lack. */
async function admitReader(location: LedgerLocation, { data }: EmbeddedFolder): Promise<void> {
  const ledger = await openLocation(location);
  try {
    await writeClientAccess(data);
    await ensureReader(ledger);
    await ledger.query({ text: 'select pg_reload_conf()', values: [], row: z.unknown() });
  } finally {
    await ledger.close();
  }
}

/**
 * Runs a query by a login that can only read, in a read-only transaction, as the query of a cursor. Each blocks what the others
 * allow:
 * - A read-only transaction can still write files (`copy … to program`) and change settings, but a cursor runs neither
 *   `copy` nor `do`.
 * - Such a login cannot call functions that reach files or other sessions.
 * - The extended protocol accepts one statement only, so none can end the transaction and continue after it.
 */
async function runReadOnly(ledger: LedgerClient, statement: string): Promise<QueryResult> {
  const client = await ledger.connections.connect();
  try {
    await requireReadingLogin(client);
    await client.query('begin transaction read only');
    await client.query('set local search_path = "$user", public, rock_mac'); // queries for the predecessor name no schema
    await becomeAuditor(client);
    const declare = { text: `declare answer cursor for ${statement}`, values: [], queryMode: 'extended' };
    await client.query(declare);
    const fetch = { text: 'fetch all from answer', rowMode: 'array', types: TEXT_TYPES } as const;
    const { fields, rows } = await client.query<unknown[]>(fetch);
    return { columns: fields.map(({ name }) => name), rows };
  } catch (error) {
    throw sqlError(error, statement);
  } finally {
    client.release(true);
  }
}

/* Oids in pg_type. */
const INT8 = 20;
/** Types of which JavaScript has no good value: they are shown as Postgres writes them. */
const SHOWN_AS_TEXT: readonly number[] = [
  1186, // interval
  1082, // date: a Date would be midnight in the time zone of this machine
  1114, // timestamp without a time zone
  17, // bytea
  600, // point
  718, // circle
];

/** The package declares only the types that it names, and Postgres has more. */
const parserOf = types.getTypeParser as (oid: number) => (text: string) => unknown;

const TEXT_TYPES = {
  getTypeParser: (oid: number) => (text: string) => {
    if (oid === INT8) return Number.isSafeInteger(Number(text)) ? Number(text) : text;
    // Infinity is no Date.
    if (SHOWN_AS_TEXT.includes(oid) || text === 'infinity' || text === '-infinity') return text;
    return parserOf(oid)(text);
  },
};

/** For a login that does not inherit the rights of the role. */
async function becomeAuditor(client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ may: boolean }>(
    `select exists (select from pg_roles where rolname = 'rock_mac_auditor' and pg_has_role(oid, 'member')) as may`,
  );
  if (rows[0]?.may === true) await client.query('set local role rock_mac_auditor');
}

/** Matches the start of a query. */
const QUERY = /^[\s(]*(?:select|with|values|table)\b/i;

const READ_ONLY_SQL_TRANSACTION = '25006';
const INSUFFICIENT_PRIVILEGE = '42501';
const SYNTAX_ERROR = '42601';

function sqlError(error: unknown, statement: string): unknown {
  if (error instanceof UserError) return error;
  const state = sqlState(error);
  if (state === undefined) return toLedgerError(error, 'query');
  const message = error instanceof Error ? error.message : String(error);
  if (state === SYNTAX_ERROR && !QUERY.test(statement)) {
    return onlyReads('it accepts one SELECT, WITH, VALUES or TABLE');
  }
  // Postgres complains about the cursor if a `with` changes something.
  if ([READ_ONLY_SQL_TRANSACTION, INSUFFICIENT_PRIVILEGE].includes(state) || message.startsWith('DECLARE CURSOR')) {
    return onlyReads(message);
  }
  return new UserError(`Postgres refused the statement: ${message}.`, 'Correct it and try again.');
}

function onlyReads(why: string): UserError {
  return new UserError(
    `\`rock-mac sql\` only reads: ${why}.`,
    'Change the ledger with the commands of rock-mac.',
    'forbidden',
  );
}
