import type { AuditLine } from '../backend.ts';
import { formatTable, type Column } from './table.ts';

const COLUMNS: readonly Column[] = [
  { head: 'Time (UTC)', width: 19 },
  { head: 'Action', width: 8 },
  { head: 'MAC Address', width: 17 },
  { head: 'Who', width: 20 },
  { head: 'Owner', width: 0 },
];

const WIDE_COLUMNS: readonly Column[] = [
  ...COLUMNS.slice(0, -1),
  { head: 'Pool', width: 12 },
  { head: 'Before', width: 8 },
  { head: 'After', width: 8 },
  { head: 'By', width: 20 },
  { head: 'Reason', width: 24 },
  { head: 'Owner', width: 0 },
];

/** Formats audit entries, one per line, below the two lines of the header. */
export function auditTable(lines: readonly AuditLine[], wide = false): string[] {
  return formatTable(
    wide ? WIDE_COLUMNS : COLUMNS,
    lines.map((line) => cells(line, wide)),
  );
}

function cells(line: AuditLine, wide: boolean): string[] {
  const time = line.timestamp.toISOString().slice(0, 19).replace('T', ' ');
  const more = [line.pool, line.stateBefore ?? '', line.state ?? '', line.actor, line.reason];
  const owner = line.owner ?? line.deviceId ?? '';
  return [time, line.action, line.mac ?? '', line.user, ...(wide ? more : []), owner];
}
