import type { AuditLine } from '../backend.ts';
import { objectText } from './address-list.ts';
import { type Csv, csvOf } from './csv.ts';
import { type Column, formatTable } from './table.ts';

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

/** Returns the content of `audit -o csv`. */
export function auditCsv(lines: readonly AuditLine[]): Csv {
  return csvOf(
    lines.map((line) => ({
      ...line,
      time: line.timestamp,
      device: line.deviceId,
      owner: line.owner && ownerText(line),
    })),
    ['id', 'time', 'action', 'mac', 'pool', 'user', 'actor', 'reason', 'stateBefore', 'state', 'device', 'owner'],
  );
}

function cells(line: AuditLine, wide: boolean): string[] {
  const time = line.timestamp.toISOString().slice(0, 19).replace('T', ' ');
  const more = [line.pool, line.stateBefore ?? '', line.state ?? '', line.actor, line.reason];
  const owner = ownerText(line);
  return [time, line.action, line.mac ?? '', line.user, ...(wide ? more : []), owner];
}

/** Returns the owner in the form that `--owner` takes and `list -o wide` shows, or the device. */
function ownerText({ owner, deviceId = '', details }: AuditLine): string {
  const { kind, namespace, name, nic } = details;
  if (owner === undefined) return deviceId;
  return typeof kind === 'string' ? objectText({ kind, namespace, name, nic }) : owner;
}
