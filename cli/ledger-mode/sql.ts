import type { PoolClient } from 'pg';
import { z } from 'zod';
import type { LedgerClient } from '../../ledger/connection/connect.ts';
import { isLedgerError, sqlState, toLedgerError } from '../../ledger/errors.ts';
import type { GlobalOptions } from '../cli.ts';
import { UserError } from '../errors.ts';
import { writeAccess } from './embedded/access.ts';
import type { EmbeddedFolder } from './embedded/folder.ts';
import { ensureReader, readerUrl } from './embedded/reader.ts';
import { findLedger, type LedgerPlace } from './find-ledger.ts';
import { openPlace } from './open.ts';

export interface SqlAnswer {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly unknown[])[];
}

/** One question to the ledger, in its own language. What is no question is refused, and what would change something too. */
export async function askSql(options: GlobalOptions, statement: string): Promise<SqlAnswer> {
  const ledger = await openForReading(await findLedger(options, process.env));
  try {
    return await ask(ledger, statement);
  } finally {
    await ledger.close();
  }
}

async function openForReading(place: LedgerPlace): Promise<LedgerClient> {
  const { embedded } = place;
  if (embedded === undefined) return openPlace(place);
  const asReader = { ...place, url: readerUrl(embedded.folder) };
  try {
    return await openPlace(asReader);
  } catch (error) {
    if (!isLedgerError(error) || error.code !== 'LEDGER_AUTH_FAILED') throw error;
    await admitReader(place, embedded.folder);
    return openPlace(asReader);
  }
}

/** A ledger that an earlier version made does not know the account yet. */
async function admitReader(place: LedgerPlace, { data }: EmbeddedFolder): Promise<void> {
  const ledger = await openPlace(place);
  try {
    await writeAccess(data);
    await ensureReader(ledger);
    await ledger.query({ text: 'select pg_reload_conf()', values: [], row: z.unknown() });
  } finally {
    await ledger.close();
  }
}

/**
 * In a read-only transaction, as the query of a cursor, and as the auditor. Each keeps out what the others let through: a
 * read-only transaction can still write files (`copy … to program`) and change settings, and no cursor runs `do` or
 * `copy`; the auditor may call no function that reaches files or other sessions. The extended protocol takes one statement
 * only, so none can end the transaction and go on behind it.
 */
async function ask(ledger: LedgerClient, statement: string): Promise<SqlAnswer> {
  const client = await ledger.pool.connect();
  try {
    await client.query('begin transaction read only');
    await client.query('set local search_path = "$user", public, rock_mac'); // the old names have no schema
    await becomeAuditor(client);
    const question = { text: `declare answer cursor for ${statement}`, values: [], queryMode: 'extended' };
    await client.query(question);
    const { fields, rows } = await client.query<unknown[]>({ text: 'fetch all from answer', rowMode: 'array' });
    return { columns: fields.map(({ name }) => name), rows };
  } catch (error) {
    throw sqlError(error, statement);
  } finally {
    client.release(true);
  }
}

/** Not every database lets the role be made or taken on; then the two others have to do. */
async function becomeAuditor(client: PoolClient): Promise<void> {
  const { rows } = await client.query<{ may: boolean }>(
    `select exists (select from pg_roles where rolname = 'rock_mac_auditor' and pg_has_role(oid, 'member')) as may`,
  );
  if (rows[0]?.may === true) await client.query('set local role rock_mac_auditor');
}

/** What a question begins with. */
const QUESTION = /^[\s(]*(?:select|with|values|table)\b/i;

const READ_ONLY_SQL_TRANSACTION = '25006';
const INSUFFICIENT_PRIVILEGE = '42501';
const SYNTAX_ERROR = '42601';

function sqlError(error: unknown, statement: string): unknown {
  const state = sqlState(error);
  if (state === undefined) return toLedgerError(error, 'answer');
  const message = error instanceof Error ? error.message : String(error);
  if (state === SYNTAX_ERROR && !QUESTION.test(statement)) {
    return onlyReads('it takes one SELECT, WITH, VALUES or TABLE');
  }
  // What Postgres says of a cursor is about a `with` that changes something.
  if ([READ_ONLY_SQL_TRANSACTION, INSUFFICIENT_PRIVILEGE].includes(state) || message.startsWith('DECLARE CURSOR')) {
    return onlyReads(message);
  }
  return new UserError(`Postgres refused the statement: ${message}.`, 'Correct it and ask again.');
}

function onlyReads(why: string): UserError {
  return new UserError(`\`rock-mac sql\` only reads: ${why}.`, 'Change the ledger with its commands.', 'forbidden');
}
