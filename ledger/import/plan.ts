import { isCalendarDay } from '../../api/calendar.ts';
import { inexactNumber, parseJson } from '../../api/parse-json.ts';
import { isVisible } from '../../api/visible-text.ts';
import { type MacAddress, macToNumber, parseMac } from '../../mac/mac-address.ts';
import { importKey } from '../address/holder-key.ts';
import type { AddressState } from '../address/owner.ts';
import { storableMetadata, storableText } from '../column-schemas.ts';
import type { LegacyAllocation, LegacyAuditRow } from './predecessor-sqlite.ts';

/** A pool of the ledger, with the fields that the plan needs. */
export interface PlanPool {
  readonly name: string;
  readonly first: MacAddress;
  readonly last: MacAddress;
  readonly autoReleaseSeconds: number | null;
}

/** What the ledger already knows about an address. */
export interface PlanRow {
  readonly key: string;
  readonly state: AddressState;
  readonly deviceId: string | undefined;
  readonly allocatedAt: Date;
}

export interface PlannedAddress {
  readonly mac: MacAddress;
  readonly pool: PlanPool;
  readonly state: Exclude<AddressState, 'stocked' | 'pending'>;
  readonly key: string;
  readonly deviceId: string | undefined;
  readonly deviceType: string | undefined;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly allocatedAt: Date;
  readonly releasedAt: Date | undefined;
}

export interface ImportPlan {
  readonly addresses: readonly PlannedAddress[];
  /** Rows that an earlier import wrote. */
  readonly alreadyThere: number;
  /** Rows that belong to no pool of the ledger, with the reason. The ledger cannot hand out their addresses. */
  readonly leftOut: readonly string[];
  /** Rows that are imported with a change. */
  readonly notes: readonly string[];
  /** Any problem refuses the whole import. */
  readonly problems: readonly string[];
}

export interface PlanInput {
  readonly allocations: readonly LegacyAllocation[];
  readonly pools: readonly PlanPool[];
  readonly known: ReadonlyMap<MacAddress, PlanRow>;
  readonly now: Date;
}

/** Plans the import of each row. Pure: the same file and ledger give the same plan. */
export function planImport({ allocations, pools, known, now }: PlanInput): ImportPlan {
  const planned = new Map<MacAddress, PlannedAddress>();
  const leftOut: string[] = [];
  const notes: string[] = [];
  const problems: string[] = [];
  let alreadyThere = 0;
  for (const row of allocations) {
    const parsed = parseMac(row.mac_address);
    if (!parsed.ok) {
      leftOut.push(`${JSON.stringify(row.mac_address)} is not a usable MAC address (${parsed.why})`);
      continue;
    }
    const { mac } = parsed;
    const pool = pools.find(({ first, last }) => isBetween(mac, first, last));
    if (pool === undefined) {
      leftOut.push(`${mac} (pool ${row.pool}, ${row.status}) is in no pool of the ledger`);
      continue;
    }
    const there = known.get(mac);
    if (there !== undefined) {
      const problem = conflictWith(mac, row, there);
      if (problem === undefined) alreadyThere += 1;
      else problems.push(problem);
      continue;
    }
    const before = planned.get(mac);
    const address = plannedAddress(mac, pool, row, now, notes);
    if (before === undefined || before.state === 'released') planned.set(mac, address);
    else if (address.state !== 'released') problems.push(`${mac} is in the file twice, and held in both rows`);
  }
  return { addresses: [...planned.values()], alreadyThere, leftOut, notes, problems };
}

function isBetween(mac: MacAddress, first: MacAddress, last: MacAddress): boolean {
  const addr = macToNumber(mac);
  return addr >= macToNumber(first) && addr <= macToNumber(last);
}

/** Compares a row with an address that the ledger knows, from an earlier import or its own allocation. */
function conflictWith(mac: MacAddress, row: LegacyAllocation, there: PlanRow): string | undefined {
  if (row.status === 'released') return undefined;
  if (there.key !== importKey(mac)) {
    return `${mac} is ${row.status} in the file, but ${there.state} for another owner in the ledger`;
  }
  if (there.state === 'released' || isSameAllocation(row, there)) return undefined;
  return `${mac} is ${row.status} in the file for ${named(row.device_id)}, but an earlier import recorded ${named(there.deviceId)} with it`;
}

/**
 * Returns whether an earlier import wrote this very row. The key does not show it: files of two machines have the same
 * addresses, because the predecessor on each of them began with the first one of a pool.
 */
function isSameAllocation(row: LegacyAllocation, there: PlanRow): boolean {
  const deviceId = storable(row.device_id.trim(), 512, '', []);
  const allocatedAt = legacyTime(row.allocated_at);
  const isSameTime = allocatedAt === undefined || Number(allocatedAt) === Number(there.allocatedAt);
  return deviceId === there.deviceId && isSameTime;
}

function named(deviceId: string | undefined): string {
  return deviceId === undefined || deviceId === '' ? 'a device without a name' : `device ${JSON.stringify(deviceId)}`;
}

const STATES = ['active', 'released', 'reserved'] as const;

function plannedAddress(
  mac: MacAddress,
  pool: PlanPool,
  row: LegacyAllocation,
  now: Date,
  notes: string[],
): PlannedAddress {
  if (row.pool !== pool.name) notes.push(`${mac} had pool ${row.pool}; it is in the range of ${pool.name}`);
  const state = STATES.find((each) => each === row.status);
  if (state === undefined)
    notes.push(`${mac} has the unknown status ${JSON.stringify(row.status)}: imported as orphaned`);
  const allocatedAt = legacyTime(row.allocated_at);
  if (allocatedAt === undefined) notes.push(`${mac} has no allocation time: imported with the current time`);
  const releasedAt = state === 'released' ? (legacyTime(row.released_at) ?? allocatedAt ?? now) : undefined;
  return {
    mac,
    pool,
    state: state ?? 'orphaned',
    key: importKey(mac),
    // Windows line ends in a list gave names that nobody could type.
    deviceId: storable(row.device_id.trim(), 512, `${mac}: its device id`, notes),
    deviceType: storable(row.device_type.trim(), 128, `${mac}: its device type`, notes),
    metadata: legacyMetadata(mac, row.metadata, notes),
    allocatedAt: allocatedAt ?? now,
    // A time in the future would block the address.
    releasedAt: releasedAt === undefined ? undefined : new Date(Math.min(Number(releasedAt), Number(now))),
  };
}

function storable(value: string, octets: number, what: string, notes: string[]): string | undefined {
  if (value === '') return undefined;
  if (!isVisible(value)) {
    notes.push(`${what} contains a character that nobody sees and was left out: ${JSON.stringify(value)}`);
    return undefined;
  }
  if (storableText(octets).safeParse(value).success) return value;
  notes.push(`${what} cannot be stored and was left out`);
  return undefined;
}

/**
 * Parses metadata, which was free text. A value that is not a JSON object, or whose numbers would change, is stored under
 * the name `imported`.
 */
function legacyMetadata(mac: MacAddress, text: string, notes: string[]): Readonly<Record<string, unknown>> {
  if (text === '') return {};
  const inexact = inexactNumber(text);
  const parsed = inexact === undefined ? parseJson(text) : undefined;
  if (inexact !== undefined) notes.push(`${mac}: its metadata has the number ${inexact} and is kept as text`);
  const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
  const whole = storableMetadata.safeParse(isObject ? parsed : { imported: parsed ?? text });
  if (whole.success) return whole.data;
  notes.push(`${mac}: its metadata cannot be stored and was left out`);
  return {};
}

const YEAR_10_000 = Date.UTC(10_000, 0);

/**
 * Parses `2006-01-02 15:04:05` in UTC, as SQLite writes it, and Go's form with a T, fractions and a zone. Returns
 * `undefined` for days that do not exist and for times before 1970. Go writes the year 1 for an unknown time. Postgres reads neither the year 0 nor
 * the year 10,000.
 */
export function legacyTime(text: string): Date | undefined {
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d:?\d\d)?/.exec(text);
  if (match === null) return undefined;
  const [, day = '', clock = '', zone = 'Z'] = match;
  const date = new Date(`${day}T${clock}${zone}`);
  if (!isCalendarDay(day)) return undefined;
  return Number(date) >= 0 && Number(date) < YEAR_10_000 ? date : undefined;
}

export interface PlannedAudit {
  readonly action: string;
  readonly mac: MacAddress | undefined;
  readonly pool: string;
  readonly deviceId: string | undefined;
  readonly user: string;
  readonly details: Readonly<Record<string, unknown>>;
  readonly timestamp: Date;
}

/** Plans the import of the history. In a release by device, the device's id stands in the place of the address. */
export function planAudit(rows: readonly LegacyAuditRow[], now: Date): PlannedAudit[] {
  const unused: string[] = [];
  return rows.map((row) => {
    const parsed = parseMac(row.mac_address);
    const mac = parsed.ok ? parsed.mac : undefined;
    const device = (row.device_id === '' && mac === undefined ? row.mac_address : row.device_id).trim();
    const text = (value: string, octets: number) => storable(value, octets, '', unused);
    return {
      action: text(row.action, 64) ?? 'unknown',
      mac,
      pool: text(row.pool, 63) ?? '',
      deviceId: text(device, 512),
      user: text(row.user, 1024) ?? 'unknown',
      details: auditDetails(row.details),
      timestamp: legacyTime(row.timestamp) ?? now,
    };
  });
}

function auditDetails(text: string): Readonly<Record<string, unknown>> {
  const details = inexactNumber(text) === undefined ? parseJson(text) : undefined;
  const isObject = typeof details === 'object' && details !== null && !Array.isArray(details);
  const whole = storableMetadata.safeParse(isObject ? details : { imported: text });
  return whole.success ? whole.data : {};
}
