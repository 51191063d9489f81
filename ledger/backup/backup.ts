import { randomUUID } from 'node:crypto';
import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { z } from 'zod';
import { systemReason } from '../../api/system-reason.ts';
import type { LedgerClient } from '../connection/connect.ts';
import { inSnapshot } from '../connection/snapshot.ts';
import { type Queryable, queryOne } from '../connection/statement.ts';
import { isLedgerError, LedgerError } from '../errors.ts';
import { requireKnownSchema } from '../migrate.ts';
import { BACKUP_TABLES, type BackupTable, checksum, headerLine } from './backup-format.ts';

/** The content of a backup. */
export interface BackedUp {
  readonly counts: Readonly<Partial<Record<BackupTable, number>>>;
  readonly sha256: string;
}

/** Reports how many rows of the total were written or read. */
export type OnRows = (done: number, total: number) => void;

const ROWS_PER_LINE = 500;

/** How each table is paged: a rising unique key, and a value below all keys. */
const ORDER: Readonly<Record<BackupTable, { key: string; below: string | number }>> = {
  clusters: { key: 'cluster_id', below: '' },
  cluster_logins: { key: 'login', below: '' },
  stock_holders: { key: 'holder', below: '' },
  prefixes: { key: 'prefix', below: '' },
  pools: { key: 'pool_id', below: 0 },
  addresses: { key: 'addr', below: -1 },
  observations: { key: `(jsonb_build_array(addr, cluster_id, uid, nic)::text collate "C")`, below: '' },
  handovers: { key: 'addr', below: -1 },
  audit_log: { key: 'id', below: 0 },
  audit_seals: { key: 'seq', below: 0 },
};

/**
 * Writes a snapshot of the whole ledger to `out`, while the ledger keeps working, and ends `out`. Keeps only some
 * hundred rows in memory. An interrupted program leaves a file without its end, which `restore` refuses. Also accepts
 * an older schema, for a backup before a migration.
 */
export async function backup(db: LedgerClient, out: Writable, onRows?: OnRows): Promise<BackedUp> {
  const gzip = createGzip();
  const written = finished(gzip.pipe(out));
  written.catch(() => undefined); // awaited below, after the ledger was read
  const sum = checksum();
  const write = async (line: string) => {
    sum.add(line);
    if (!gzip.write(line)) await Promise.race([new Promise((resolve) => gzip.once('drain', resolve)), written]);
  };
  try {
    const counts = await inSnapshot(db, (snapshot) => writeTables(snapshot, write, onRows));
    const sha256 = sum.text();
    gzip.end(`${JSON.stringify({ end: true, sha256 })}\n`);
    await written;
    return { counts, sha256 };
  } catch (error) {
    gzip.destroy();
    out.destroy();
    throw error;
  }
}

/**
 * Like `backup`, to a file that only its owner may read. The file gets its name when it is complete and on disk.
 * Creates a missing folder. Throws BACKUP_NOT_WRITTEN if the file cannot be written.
 */
export async function backupToFile(db: LedgerClient, file: string, onRows?: OnRows): Promise<BackedUp> {
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    return await writeWhole(db, file, onRows);
  } catch (error) {
    if (isLedgerError(error)) throw error;
    throw new LedgerError('BACKUP_NOT_WRITTEN', `The backup ${file} was not written (${systemReason(error)})`, {
      cause: error,
    });
  }
}

async function writeWhole(db: LedgerClient, file: string, onRows?: OnRows): Promise<BackedUp> {
  const unfinished = `${file}.${randomUUID()}.unfinished`;
  // Opened before anything can fail: a stream that opens its own file may do so after the file was removed.
  const handle = await open(unfinished, 'wx', 0o600);
  try {
    const result = await backup(db, handle.createWriteStream({ flush: true }), onRows);
    await rename(unfinished, file);
    return result;
  } catch (error) {
    await rm(unfinished, { force: true });
    throw error;
  }
}

type Write = (line: string) => Promise<void>;

async function writeTables(db: Queryable, write: Write, onRows?: OnRows): Promise<BackedUp['counts']> {
  const { version: schema } = await requireKnownSchema(db);
  const {
    state,
    counts,
    taken_at: takenAt,
  } = await queryOne(db, {
    text: `select (select to_jsonb(s) from rock_mac.ledger_state s) as state, to_jsonb(now())#>>'{}' as taken_at, jsonb_build_object(
             ${BACKUP_TABLES.map((table) => `'${table}', (select count(*) from rock_mac.${table})`).join(', ')}) as counts`,
    values: [],
    row: z.object({
      state: z.record(z.string(), z.unknown()),
      taken_at: z.string(),
      counts: z.record(z.enum(BACKUP_TABLES), z.int()),
    }),
  });
  await write(headerLine({ schema, takenAt, counts, state }));
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  let done = 0;
  for (const table of BACKUP_TABLES) {
    await writeTable(db, table, async (rows, line) => {
      await write(line);
      onRows?.((done += rows), total);
    });
  }
  return counts;
}

/** Writes page after page in key order, in one snapshot. */
async function writeTable(
  db: Queryable,
  table: BackupTable,
  write: (rows: number, line: string) => Promise<void>,
): Promise<void> {
  const { key, below } = ORDER[table];
  let last: string | number | null = below;
  while (last !== null) {
    const page: z.infer<typeof pageRow> = await queryOne(db, {
      text: `select '[' || string_agg(row_to_json(t)::text, ',' order by ${key}) || ']' as rows, count(*) as count, max(${key}) as last
             from (select * from rock_mac.${table} where ${key} > $1 order by ${key} limit $2) t`,
      values: [last, ROWS_PER_LINE],
      row: pageRow,
    });
    if (page.rows !== null) await write(page.count, `{"table":"${table}","rows":${page.rows}}\n`);
    last = page.last;
  }
}

const pageRow = z.object({
  rows: z.string().nullable(),
  count: z.int(),
  last: z.union([z.string(), z.number()]).nullable(),
});
