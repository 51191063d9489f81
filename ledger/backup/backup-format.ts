import { createHash } from 'node:crypto';
import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';
import { systemReason } from '../../api/system-reason.ts';
import { LedgerError } from '../errors.ts';

/*
 * A backup is lines of JSON, compressed with gzip: a header, the rows of one table after the other, and an end with a
 * checksum. A line has some hundred rows. Rows have column names, so a newer schema reads an older backup, and `zcat`
 * and `jq` read any.
 */

/** Raised when older programs could misread the format. */
export const BACKUP_VERSION = 1;

const FORMAT = 'rock-mac-ledger-backup';

/** In the order of a restore. */
export const BACKUP_TABLES = [
  'clusters',
  'cluster_logins',
  'stock_holders',
  'prefixes',
  'pools',
  'addresses',
  'observations',
  'handovers',
  'audit_log',
  'audit_seals',
] as const;
export type BackupTable = (typeof BACKUP_TABLES)[number];

const tableSchema = z.enum(BACKUP_TABLES);
const rowSchema = z.record(z.string(), z.unknown());

const headerSchema = z.object({
  format: z.literal(FORMAT),
  version: z.int(),
  /** Version of the ledger's schema. */
  schema: z.int(),
  takenAt: z.iso.datetime({ offset: true }),
  /** A backup of an older schema lacks later tables. */
  counts: z.partialRecord(tableSchema, z.int()),
  /** The row of ledger_state. */
  state: rowSchema,
});

export type BackupHeader = z.infer<typeof headerSchema>;

const rowsSchema = z.object({ table: tableSchema, rows: z.array(rowSchema).min(1) });
const lineSchema = z.union([rowsSchema, z.object({ end: z.literal(true), sha256: z.string() })]);

export type RowsLine = z.infer<typeof rowsSchema>;

export function headerLine(header: Omit<BackupHeader, 'format' | 'version'>): string {
  return `${JSON.stringify({ format: FORMAT, version: BACKUP_VERSION, ...header })}\n`;
}

/** Throws BACKUP_REFUSED unless the line is a header that this program can read. */
export function parseHeader(line: string | undefined, programSchema: number): BackupHeader {
  const raw = parseJson(line ?? '');
  const kind = z.object({ format: z.literal(FORMAT), version: z.int(), schema: z.int() }).safeParse(raw);
  if (!kind.success) throw foreign();
  const { version, schema } = kind.data;
  if (version > BACKUP_VERSION || schema > programSchema) {
    const what =
      `This backup was made by a newer program (format ${String(version)}, schema ${String(schema)}); ` +
      `this one reads up to format ${String(BACKUP_VERSION)}, schema ${String(programSchema)}`;
    throw refused(what, 'Restore it with the version of rock-mac that made it, or a later one.');
  }
  const header = headerSchema.safeParse(raw);
  if (!header.success) throw damaged('its header is incomplete');
  return header.data;
}

export function parseLine(line: string): z.infer<typeof lineSchema> {
  const parsed = lineSchema.safeParse(parseJson(line));
  if (!parsed.success) throw damaged('one of its lines is incomplete');
  return parsed.data;
}

/** Returns a checksum over all lines before the end, as they were written. */
export function checksum() {
  const hash = createHash('sha256');
  return { add: (line: string) => void hash.update(line), text: () => hash.digest('hex') };
}

export function foreign(): LedgerError {
  return refused('This file is not a backup of a rock-mac ledger', 'Use a file that `rock-mac backup` wrote.');
}

export function damaged(how: string, cause?: unknown): LedgerError {
  return refused(`This backup is truncated or damaged: ${how}`, 'Nothing was restored. Use another backup.', cause);
}

export function unreadable(cause: unknown): LedgerError {
  return refused(
    `This backup cannot be read (${systemReason(cause)})`,
    'Use a file that `rock-mac backup` wrote.',
    cause,
  );
}

function refused(what: string, next: string, cause?: unknown): LedgerError {
  return new LedgerError('BACKUP_REFUSED', what, { next, cause });
}
