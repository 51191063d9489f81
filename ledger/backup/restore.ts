import { open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { escapeIdentifier } from 'pg';
import { z } from 'zod';
import type { LedgerClient } from '../connection/connect.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';
import { LedgerError } from '../errors.ts';
import { PROGRAM_VERSION, requireSchema } from '../migrate.ts';
import { isUsed } from '../state/is-used.ts';
import { recover } from '../state/recovery.ts';
import { type LedgerState, ledgerState } from '../state/state.ts';
import type { OnRows } from './backup.ts';
import {
  BACKUP_TABLES,
  type BackupHeader,
  type BackupTable,
  checksum,
  damaged,
  foreign,
  parseHeader,
  parseLine,
  type RowsLine,
  unreadable,
} from './backup-format.ts';

export interface Restored {
  readonly takenAt: Date;
  readonly counts: BackupHeader['counts'];
  /** Recovering. It opens after `approveRecovery` and when its clusters have reported their addresses in use. */
  readonly state: LedgerState;
}

export interface RestoreOptions {
  readonly actor: string;
  /** The highest epoch of this ledger that anyone has stored, if known. */
  readonly above?: number;
  readonly onRows?: OnRows | undefined;
}

/**
 * Restores a backup into an empty, migrated ledger: all or nothing. Allocations after the backup are missing, so the
 * ledger starts in recovery and waits for an admin. Needs the rights of the tables' owner.
 *
 * Throws BACKUP_REFUSED for a file that is foreign, newer, truncated or damaged, and LEDGER_NOT_EMPTY.
 */
export async function restore(db: LedgerClient, source: Readable, options: RestoreOptions): Promise<Restored> {
  const header = await db.transaction(async (transaction) => {
    await requireSchema(transaction);
    await run(transaction, 'set local idle_in_transaction_session_timeout = 0'); // its source may be slow
    await clearNewLedger(transaction);
    const read = await restoreLines(transaction, linesOf(source), options.onRows);
    await finishRows(transaction);
    await countHours(transaction);
    const expected = await restoreState(transaction, read.state);
    const { actor, above = 0 } = options;
    await recover(transaction, { expected, lossy: true, needsApproval: true, above, actor });
    return read;
  });
  return { takenAt: new Date(header.takenAt), counts: header.counts, state: await ledgerState(db) };
}

export async function restoreFromFile(db: LedgerClient, file: string, options: RestoreOptions): Promise<Restored> {
  // Opened before the first statement: a stream that opens its own file fails before anyone listens.
  const handle = await open(file).catch((error: unknown) => {
    throw unreadable(error);
  });
  try {
    return await restore(db, handle.createReadStream(), options);
  } finally {
    await handle.close();
  }
}

const nothing = z.object({});

function run(db: Queryable, text: string, values: readonly unknown[] = []): Promise<unknown> {
  return db.query({ text, values, row: nothing });
}

/** Throws LEDGER_NOT_EMPTY if the ledger has addresses or clusters, so nothing can be restored. */
export async function requireUnused(db: Queryable): Promise<void> {
  if (await isUsed(db)) throw new LedgerError('LEDGER_NOT_EMPTY', 'This ledger has addresses or clusters');
}

/** Removes the default prefix and pools of a new ledger, from which no address was ever handed out. */
async function clearNewLedger(db: Queryable): Promise<void> {
  await run(db, `lock table ${BACKUP_TABLES.map((table) => `rock_mac.${table}`).join(', ')} in exclusive mode`);
  await requireUnused(db);
  await run(db, 'delete from rock_mac.pools');
  await run(db, 'delete from rock_mac.prefixes');
  // The definitions that were just removed are all that the audit has, and its seals are of these and of earlier recoveries.
  await run(db, 'alter table rock_mac.audit_log disable trigger audit_append_only');
  await run(db, 'delete from rock_mac.audit_log');
  await run(db, 'alter table rock_mac.audit_log enable trigger audit_append_only');
  await run(db, 'delete from rock_mac.audit_hours');
  await run(db, 'alter table rock_mac.audit_seals disable trigger seals_append_only');
  await run(db, 'delete from rock_mac.audit_seals');
  await run(db, 'alter table rock_mac.audit_seals enable trigger seals_append_only');
  // Otherwise every restored address would get a new audit row. Enabled again before the transaction ends.
  await run(db, 'alter table rock_mac.addresses disable trigger addresses_audit_insert');
}

async function finishRows(db: Queryable): Promise<void> {
  await run(db, 'alter table rock_mac.addresses enable trigger addresses_audit_insert');
  for (const [table, column] of [
    ['pools', 'pool_id'],
    ['audit_log', 'id'],
    ['stock_holders', 'sequence'],
  ] as const) {
    const highest = `select max(${column}) from rock_mac.${table}`;
    await run(
      db,
      `select setval(pg_get_serial_sequence('rock_mac.${table}', '${column}'), coalesce((${highest}), 1), (${highest}) is not null)`,
    );
  }
}

/** Counts the sealed rows of the audit. The next seal counts the others. */
function countHours(db: Queryable): Promise<unknown> {
  const sealed = 'select i.id from rock_mac.audit_seals s, unnest(s.ids) i(id)';
  return run(db, `select rock_mac.count_hours(array(${sealed}))`);
}

async function restoreLines(db: Queryable, lines: AsyncGenerator<string>, onRows?: OnRows): Promise<BackupHeader> {
  const sum = checksum();
  const first = await lines.next();
  const header = parseHeader(first.done === true ? undefined : first.value, PROGRAM_VERSION);
  sum.add(`${String(first.value)}\n`);
  const counts = new Map<BackupTable, number>();
  const total = Object.values(header.counts).reduce((sum, count) => sum + count, 0);
  let done = 0;
  for await (const { table, rows } of batchesOf(lines, sum)) {
    await insertRows(db, table, rows);
    counts.set(table, (counts.get(table) ?? 0) + rows.length);
    onRows?.((done += rows.length), total);
  }
  for (const table of BACKUP_TABLES) {
    const [wanted, got] = [header.counts[table] ?? 0, counts.get(table) ?? 0];
    if (wanted !== got) throw damaged(`it should have ${String(wanted)} rows of ${table}, but has ${String(got)}`);
  }
  return header;
}

/** Yields the rows between header and end. Throws if the end is missing or does not match. */
async function* batchesOf(lines: AsyncGenerator<string>, sum: ReturnType<typeof checksum>): AsyncGenerator<RowsLine> {
  for (let line = await lines.next(); line.done !== true; line = await lines.next()) {
    const parsed = parseLine(line.value);
    if ('end' in parsed) {
      if (parsed.sha256 !== sum.text()) throw damaged('its checksum does not match its content');
      if ((await lines.next()).done !== true) throw damaged('something follows its end');
      return;
    }
    sum.add(`${line.value}\n`);
    yield parsed;
  }
  throw damaged('its end is missing');
}

/** Inserts only the columns in the backup. A column that a newer schema added gets its default. */
async function insertRows(db: Queryable, table: BackupTable, rows: readonly Record<string, unknown>[]): Promise<void> {
  const columns = Object.keys(rows[0] ?? {})
    .map(escapeIdentifier)
    .join(', ');
  await run(
    db,
    `insert into rock_mac.${table} (${columns}) overriding system value
     select ${columns} from jsonb_populate_recordset(null::rock_mac.${table}, $1::jsonb)`,
    [JSON.stringify(rows)],
  );
}

/** Restores the identity and settings of the ledger, but not the columns that identify the database. */
async function restoreState(db: Queryable, state: BackupHeader['state']): Promise<number> {
  const { epoch } = await queryOne(db, {
    text: `update rock_mac.ledger_state s set ledger_id = b.ledger_id, epoch = b.epoch,
             durability = b.durability, replication_gap = b.replication_gap, pending_cap = b.pending_cap
           from jsonb_populate_record(null::rock_mac.ledger_state, $1::jsonb) b returning s.epoch`,
    values: [JSON.stringify(state)],
    row: z.object({ epoch: z.int() }),
  });
  return epoch;
}

/** Yields the lines of a compressed file. Throws if it is truncated or not compressed. */
async function* linesOf(source: Readable): AsyncGenerator<string> {
  const gunzip = createGunzip();
  pipeline(source, gunzip, () => undefined); // its errors come out of the loop below
  let rest = '';
  const decoder = new TextDecoder();
  try {
    for await (const chunk of gunzip) {
      const pieces = (rest + decoder.decode(z.instanceof(Uint8Array).parse(chunk), { stream: true })).split('\n');
      rest = pieces.pop() ?? '';
      yield* pieces;
    }
  } catch (error) {
    throw readError(error);
  }
  if (rest !== '') throw damaged('its last line has no end');
}

/** Maps errors of gunzip: a foreign file, or a truncated one. */
function readError(error: unknown): LedgerError {
  if (!(error instanceof Error) || !('code' in error) || !String(error.code).startsWith('Z_')) return unreadable(error);
  return error.message.includes('header') ? foreign() : damaged(error.message, error);
}
