import { access } from 'node:fs/promises';
import type { DatabaseSync } from 'node:sqlite';
import { z } from 'zod';
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
  await access(file).catch((error: unknown) => {
    throw fileRefused(`${file} cannot be read (${messageOf(error)})`, error);
  });
  const { DatabaseSync } = await import('node:sqlite'); // imported here because Node prints a warning on load
  try {
    const database = new DatabaseSync(file, { readOnly: true });
    try {
      return readTables(database);
    } finally {
      database.close();
    }
  } catch (error) {
    throw fileRefused(`${file} cannot be read as the SQLite file of the predecessor (${messageOf(error)})`, error);
  }
}

function readTables(database: DatabaseSync): LegacyFile {
  const tables = z
    .array(z.object({ name: z.string() }))
    .parse(database.prepare(`select name from sqlite_master where type = 'table'`).all())
    .map(({ name }) => name);
  if (!tables.includes('mac_allocations')) throw new Error('it has no table mac_allocations');
  const rows = <T>(table: string, row: z.ZodType<T>) =>
    tables.includes(table) ? z.array(row).parse(database.prepare(`select * from ${table} order by rowid`).all()) : [];
  return {
    allocations: rows('mac_allocations', allocation),
    pools: rows('pools', pool),
    audit: rows('audit_log', auditRow),
  };
}

function fileRefused(what: string, cause?: unknown): LedgerError {
  return new LedgerError('IMPORT_REFUSED', what, { cause });
}
