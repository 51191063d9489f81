import { CsvError, parse } from 'csv-parse/sync';
import { z } from 'zod';
import { parseJson } from '../../api/parse-json.ts';
import { RESERVING_STATES } from '../../ledger/reservations/reservation.ts';
import { type FileNote, type FoundAddress, type ParsedFile, presentValues, unreadable } from './parsed-file.ts';

/*
 * A table with a header. The columns of NetBox's exports have the names that its tables show: "MAC Address", or "Primary MAC" from
 * version 4.2 on, "Device", "Virtual Machine", and "Parent" in the list of MAC addresses (netbox/dcim/tables/devices.py and
 * netbox/virtualization/tables/virtualmachines.py, https://github.com/netbox-community/netbox).
 */

/** The names of a column, the best first. Case, spaces and dashes do not matter. */
const COLUMNS = {
  mac: ['mac', 'mac_address', 'primary_mac', 'primary_mac_address', 'hwaddr', 'hw_address'],
  device: ['device', 'device_id', 'virtual_machine', 'vm', 'parent'],
  type: ['type', 'device_type'],
  pool: ['pool'],
  metadata: ['metadata'],
  ip: ['ip', 'ip_address', 'ip_addresses'],
  hostname: ['hostname', 'dns_name'],
} as const;

/**
 * The tables that rock-mac itself writes: `export -f csv` and `list -o csv`. Columns are only added at their ends. Those without a meaning
 * say what a ledger knows, and are no metadata of a device.
 */
const OWN_TABLES = [
  'mac,ip,hostname,device,type,pool,state',
  'mac,pool,state,device,type,cluster,namespace,kind,name,nic,allocatedAt,expiresAt,requester',
].map((heads) => heads.split(','));

type Meaning = keyof typeof COLUMNS;
const MEANINGS = Object.keys(COLUMNS) as readonly Meaning[];

/** What a column means. A lower rank is better. */
interface Column {
  readonly meaning: Meaning;
  readonly rank: number;
}

const rowsSchema = z.array(z.object({ record: z.array(z.string()), info: z.object({ lines: z.int() }) }));
type Row = z.infer<typeof rowsSchema>[number];

export function parseCsv(text: string): ParsedFile {
  const rows = rowsOf(text);
  if ('ok' in rows) return rows;
  const [header, ...others] = rows;
  if (header === undefined)
    return unreadable('the file is empty: its first line names the columns, such as mac,device');
  const heads = header.record.map((head) => head.trim());
  const columns = columnsOf(heads);
  if (!columns.some((column) => column?.meaning === 'mac')) {
    return unreadable(
      `there is no column mac: the first line has ${heads.map((head) => JSON.stringify(head)).join(', ')}`,
      1,
    );
  }
  const twice = heads.find((head, index) => head !== '' && heads.indexOf(head) !== index);
  if (twice !== undefined) return unreadable(`there are two columns ${JSON.stringify(twice)}`, 1);
  const own = OWN_TABLES.find((table) => table.every((head, index) => heads[index] === head)) ?? [];
  const found: FoundAddress[] = [];
  const notes: FileNote[] = [];
  for (const row of others) {
    const { record, info } = row;
    if (record.every((value) => value === '')) continue;
    const ownCell = (head: string) => record[own.indexOf(head)] ?? '';
    const leftOut = own.length === 0 ? undefined : whyLeftOut(ownCell);
    if (leftOut === undefined) {
      const reserved = ownCell('state') === 'reserved' ? true : undefined;
      found.push({ ...foundIn(row, heads, columns, own.length), reserved });
    } else notes.push({ line: info.lines, text: `${ownCell('mac')} ${leftOut}` });
  }
  return { ok: true, found, notes };
}

/** Returns why a row of our own table names no address of a device, or `undefined` if it does. */
function whyLeftOut(cell: (head: string) => string): string | undefined {
  const state = cell('state');
  if (!RESERVING_STATES.some((each) => each === state)) return `is ${state}, so no device has it`;
  if (cell('device') === '' && cell('kind') !== '')
    return `belongs to ${cell('kind')} ${cell('namespace')}/${cell('name')}, which is no device`;
  return undefined;
}

/** Returns the rows with their lines. A file of a spreadsheet may have semicolons or tabs instead of commas. */
function rowsOf(text: string): readonly Row[] | ParsedFile {
  // The parser counts the line ends of Windows twice where they are in a cell.
  const plain = text.replaceAll(/\r\n?/g, '\n');
  const [first = ''] = plain.split('\n', 1);
  const counts = [',', ';', '\t'].map((delimiter) => ({ delimiter, count: first.split(delimiter).length }));
  const [{ delimiter } = { delimiter: ',' }] = counts.toSorted((a, b) => b.count - a.count);
  try {
    const options = {
      bom: true,
      delimiter,
      info: true,
      skip_empty_lines: true,
      relax_column_count_less: true,
      trim: true,
    };
    return rowsSchema.parse(parse(plain, options));
  } catch (error) {
    if (!(error instanceof CsvError)) throw error;
    const line = z.object({ lines: z.int() }).safeParse(error);
    return unreadable(`it is no CSV (${error.message})`, line.data?.lines);
  }
}

function columnsOf(heads: readonly string[]): readonly (Column | undefined)[] {
  const names = heads.map((head) => head.toLowerCase().replaceAll(/[\s-]+/g, '_'));
  // In NetBox's tables of interfaces, the type is that of the interface, such as 1000BASE-T.
  const isNetBox = !names.includes('mac') && names.includes('name');
  return names.map((name) => {
    const ranks = MEANINGS.map((meaning) => ({ meaning, rank: COLUMNS[meaning].findIndex((known) => known === name) }));
    const column = ranks.find(({ rank }) => rank !== -1);
    return isNetBox && column?.meaning === 'type' ? undefined : column;
  });
}

function foundIn(
  { record, info }: Row,
  heads: readonly string[],
  columns: readonly (Column | undefined)[],
  ownColumns: number,
): FoundAddress {
  /** Where the values with a meaning are: of several columns, the best one that is not empty. */
  const places = new Map(
    MEANINGS.map((meaning) => {
      const candidates = [...columns.entries()].filter(
        ([index, column]) => column?.meaning === meaning && record[index],
      );
      return [meaning, candidates.sort(([, a], [, b]) => (a?.rank ?? 0) - (b?.rank ?? 0))[0]?.[0]];
    }),
  );
  const cell = (meaning: Meaning) => record[places.get(meaning) ?? -1];
  const used = new Set(places.values());
  const others = record.map((value, index) => {
    return [heads[index] ?? '', index < ownColumns || used.has(index) ? '' : value] as const;
  });
  const json = cell('metadata');
  const ip = cell('ip');
  return {
    line: info.lines,
    mac: cell('mac') ?? '',
    device: cell('device'),
    type: cell('type'),
    defaultType: 'device',
    pool: cell('pool'),
    metadata: presentValues({
      ...Object.fromEntries(others.filter(([head]) => head !== '')),
      ...(json === undefined ? {} : metadataOf(json)),
      ip: ip?.split(/[\s,;]+/).filter((each) => each !== ''),
      hostname: cell('hostname'),
    }),
  };
}

/** Returns the object in a cell, as `rock-mac list -o csv` writes it. Any other text is kept under the name of its column. */
function metadataOf(text: string): Readonly<Record<string, unknown>> {
  const value = z.record(z.string(), z.unknown()).safeParse(parseJson(text));
  return value.data ?? { metadata: text };
}
