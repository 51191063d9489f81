import { access } from 'node:fs/promises';
import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
import { systemReason } from '../../api/system-reason.ts';
import { LedgerError, messageOf } from '../errors.ts';

/** The content of the predecessor's SQLite file, unchecked except for its tables. */
export interface LegacyFile {
  readonly allocations: readonly LegacyAllocation[];
  readonly pools: readonly LegacyPool[];
  readonly audit: readonly LegacyAuditRow[];
}

/** Missing columns and null become empty texts. */
const text = z
  .unknown()
  .default('')
  .transform((value) => (typeof value === 'string' ? value : typeof value === 'number' ? String(value) : ''));

const allocation = z.object({
  mac_address: text,
  pool: text,
  device_id: text,
  device_type: text,
  metadata: text,
  allocated_at: text,
  released_at: text,
  status: text,
});

const pool = z.object({ name: text, range_start: text, range_end: text, description: text, auto_release_days: text });

const auditRow = z.object({
  action: text,
  mac_address: text,
  pool: text,
  device_id: text,
  user: text,
  details: text,
  timestamp: text,
});

export type LegacyAllocation = z.infer<typeof allocation>;
export type LegacyPool = z.infer<typeof pool>;
export type LegacyAuditRow = z.infer<typeof auditRow>;

/** Reads the file without changing it. Throws IMPORT_REFUSED if it is not the predecessor's. */
export async function readLegacyFile(file: string): Promise<LegacyFile> {
  return withDatabase(file, (database) => {
    const tables = tableNames(database);
    if (!tables.includes('mac_allocations')) throw new Error('it has no table mac_allocations');
    const rows = <T>(table: string, row: z.ZodType<T>) => (tables.includes(table) ? rowsOf(database, table, row) : []);
    return {
      allocations: rows('mac_allocations', allocation),
      pools: rows('pools', pool),
      audit: rows('audit_log', auditRow),
    };
  });
}

/** Reads only the addresses. A file without tables has none. */
export async function readLegacyAllocations(file: string): Promise<readonly LegacyAllocation[]> {
  return withDatabase(file, (database) =>
    tableNames(database).includes('mac_allocations') ? rowsOf(database, 'mac_allocations', allocation) : [],
  );
}

async function withDatabase<T>(file: string, read: (database: DatabaseSync) => T): Promise<T> {
  await access(file).catch((error: unknown) => {
    throw fileRefused(`${file} cannot be read (${systemReason(error)})`, error);
  });
  const { DatabaseSync } = await import('node:sqlite'); // imported here because Node prints a warning on load
  try {
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      return read(database);
    } finally {
      database.close();
    }
  } catch (error) {
    throw fileRefused(`${file} cannot be read as the SQLite file of the predecessor (${messageOf(error)})`, error);
  }
}

function tableNames(database: DatabaseSync): string[] {
  return z
    .array(z.object({ name: z.string() }))
    .parse(database.prepare(`select name from sqlite_master where type = 'table'`).all())
    .map(({ name }) => name);
}

function rowsOf<T>(database: DatabaseSync, table: string, row: z.ZodType<T>): T[] {
  return z.array(row).parse(database.prepare(`select * from ${table} order by rowid`).all());
}

function fileRefused(what: string, cause?: unknown): LedgerError {
  return new LedgerError('IMPORT_REFUSED', what, { cause });
}
