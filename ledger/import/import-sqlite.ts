import { z } from 'zod';
import { type MacAddress, macToNumber, parseAnyMac, parseMac } from '../../mac/mac-address.ts';
import type { MacPrefix, Prefixes } from '../../mac/mac-range.ts';
import { ledgerTime } from '../address/mark-missing.ts';
import { addrSchema, stateSchema } from '../address/owner.ts';
import type { OnRows } from '../backup/backup.ts';
import { optionalColumn } from '../column-schemas.ts';
import type { LedgerClient } from '../connection/connect.ts';
import { rollingBack } from '../connection/rolling-back.ts';
import type { Queryable } from '../connection/statement.ts';
import { isLedgerError, LedgerError } from '../errors.ts';
import { requireSchema } from '../migrate.ts';
import { definePool, listPools } from '../pool/pools.ts';
import { listPrefixes } from '../pool/prefixes.ts';
import {
  type ImportPlan,
  planAudit,
  planImport,
  type PlannedAddress,
  type PlannedAudit,
  type PlanPool,
  type PlanRow,
} from './plan.ts';
import { type LegacyAllocation, type LegacyFile, type LegacyPool, readLegacyFile } from './predecessor-sqlite.ts';

/** What an import did, or would do in a dry run. */
export interface ImportReport extends Omit<ImportPlan, 'addresses'> {
  readonly dryRun: boolean;
  /** Number of addresses by their state in the ledger. */
  readonly imported: Readonly<Record<PlannedAddress['state'], number>>;
  /** Active addresses by pool, where the pool releases them after a while. */
  readonly expiring: readonly { readonly pool: string; readonly addresses: number; readonly seconds: number }[];
  readonly auditRows: number;
  /** Pools that the ledger did not have. */
  readonly poolsDefined: readonly string[];
}

export interface ImportOptions {
  readonly dryRun: boolean;
  readonly actor: string;
  /** Why, for the audit of the addresses and of new pools. */
  readonly reason?: string | undefined;
  /** Called before the first change, if there will be one. */
  readonly beforeChange?: (() => Promise<void>) | undefined;
  readonly onRows?: OnRows | undefined;
}

const nothing = z.object({});
const ROWS_AT_ONCE = 1_000;

/** Addresses looked up at once, so that no query grows with the file. */
const LOOKED_UP_AT_ONCE = 10_000;

/**
 * How long the transaction may wait for this program. The limit of the role is a minute, which a suspended or very busy
 * machine can exceed between two batches.
 */
const IDLE_LIMIT = '10min';

/**
 * Imports the predecessor's SQLite file in one transaction: all or nothing. A second import of the same file keeps
 * existing rows. The file is not changed.
 *
 * Reads and plans everything first, so the transaction only writes. An active address gets a full auto-release period
 * from now, because nobody could renew it before. A dry run writes nothing and reports what would happen, including
 * problems.
 *
 * Throws IMPORT_REFUSED if the file is not the predecessor's, and if there are problems. Throws LEDGER_BUSY if the ledger
 * changed meanwhile.
 */
export async function importSqlite(db: LedgerClient, file: string, options: ImportOptions): Promise<ImportReport> {
  const { dryRun } = options;
  const legacy = await readLegacyFile(file);
  const whole = await planAll(db, legacy, options);
  const { addresses, ...plan } = whole.plan;
  const { poolsDefined, audit } = whole;
  const counts = { imported: countStates(addresses), expiring: countExpiring(addresses), auditRows: audit.length };
  const report = { ...plan, ...counts, poolsDefined, dryRun };
  if (dryRun) return report;
  if (plan.problems.length > 0) throw importRefused(plan.problems);
  await options.beforeChange?.();
  await db.transaction((transaction) => writeAll(transaction, legacy, whole, options)).catch(explainChange);
  return report;
}

/** Returns the error for an import with problems, which names the first of them. */
export function importRefused(problems: readonly string[]): LedgerError {
  const more = problems.length > 5 ? `; and ${String(problems.length - 5)} more` : '';
  return new LedgerError('IMPORT_REFUSED', `Nothing was imported: ${problems.slice(0, 5).join('; ')}${more}`, {
    next: 'Release these addresses where they are wrong, in the file or in the ledger. A dry run lists them all.',
  });
}

/** Who imports, and why. */
type Author = Pick<ImportOptions, 'actor' | 'reason'>;

interface WholePlan {
  readonly plan: ImportPlan;
  readonly poolsDefined: readonly string[];
  readonly pools: readonly PlanPool[];
  readonly audit: readonly PlannedAudit[];
}

async function planAll(db: LedgerClient, legacy: LegacyFile, author: Author): Promise<WholePlan> {
  // Defines the pools of the file and rolls back, to learn which of them the ledger accepts.
  const { poolsDefined, poolNotes, pools, now } = await rollingBack(db).transaction(async (transaction) => {
    await requireSchema(transaction);
    const defined = await definePools(transaction, legacy, author);
    return { ...defined, pools: await readPools(transaction), now: await ledgerTime(transaction) };
  });
  const known = await knownAddresses(db, legacy.allocations);
  const plan = planImport({ allocations: legacy.allocations, pools, known, now });
  const isFirst = plan.alreadyThere === 0; // the first import also imports the history
  const audit = isFirst ? planAudit(legacy.audit, now) : [];
  return { plan: { ...plan, notes: [...poolNotes, ...plan.notes] }, poolsDefined, pools, audit };
}

async function writeAll(
  db: Queryable,
  legacy: LegacyFile,
  { plan: { addresses }, audit, pools }: WholePlan,
  { onRows, ...author }: ImportOptions,
): Promise<void> {
  await db.query({ text: `set local idle_in_transaction_session_timeout = '${IDLE_LIMIT}'`, values: [], row: nothing });
  const total = audit.length + addresses.length;
  let done = 0;
  const onBatch = (rows: number) => onRows?.((done += rows), total);
  // Before the pools are locked: history needs no lock.
  await writeAudit(db, audit, author.actor, onBatch);
  await definePools(db, legacy, author);
  const ids = await lockPools(db, pools);
  await writeAddresses(db, addresses, ids, author, onBatch);
}

/** Explains an address that somebody took, or a pool that changed, after the plan was made. */
function explainChange(error: unknown): never {
  if (!isLedgerError(error) || error.code !== 'LEDGER_BUSY') throw error;
  throw new LedgerError('LEDGER_BUSY', 'Nothing was imported: the ledger changed while the file was read', {
    next: 'Run the import again.',
    cause: error,
  });
}

function countStates(addresses: readonly PlannedAddress[]): ImportReport['imported'] {
  const count = (state: PlannedAddress['state']) => addresses.filter((address) => address.state === state).length;
  return {
    active: count('active'),
    reserved: count('reserved'),
    released: count('released'),
    orphaned: count('orphaned'),
  };
}

function countExpiring(addresses: readonly PlannedAddress[]): ImportReport['expiring'] {
  const active = addresses.filter(({ state }) => state === 'active');
  return [...Map.groupBy(active, ({ pool }) => pool)].flatMap(([{ name: pool, autoReleaseSeconds: seconds }, group]) =>
    seconds === null ? [] : [{ pool, addresses: group.length, seconds }],
  );
}

/**
 * Defines the pools that users had added to the file. If one overlaps a pool of the ledger, the ledger's pool stays. A
 * pool that cannot be defined is reported, and its addresses are left out.
 */
async function definePools(db: Queryable, { pools: legacy, allocations }: LegacyFile, author: Author) {
  const poolsDefined: string[] = [];
  const poolNotes: string[] = [];
  const names = (await listPools(db)).map(({ name }) => name);
  const prefixes = (await listPrefixes(db)).map(({ prefix }) => prefix);
  const sample = parseAnyMac(allocations[0]?.mac_address ?? '');
  for (const pool of legacy.filter(({ name }) => !names.includes(name.toLowerCase()))) {
    const name = pool.name.toLowerCase();
    const outcome = await defineLegacyPool(db, name, { pool, prefix: prefixOf(pool, prefixes, sample) }, author);
    if (outcome === 'defined') poolsDefined.push(name);
    else poolNotes.push(`pool ${name} (${pool.range_start}-${pool.range_end}) was not defined: ${outcome}`);
  }
  return { poolsDefined, poolNotes };
}

/**
 * Returns the prefix that the file means. It has only the octets after it: the addresses show which prefix is before them.
 */
function prefixOf(
  { range_start: start }: LegacyPool,
  prefixes: Prefixes,
  sample: MacAddress | undefined,
): MacPrefix | undefined {
  const possible = prefixes.filter((prefix) => parseAnyMac(`${prefix}:${start}`) !== undefined);
  return possible.find((prefix) => sample?.startsWith(prefix)) ?? possible[0];
}

async function defineLegacyPool(
  db: Queryable,
  name: string,
  { pool, prefix }: { readonly pool: LegacyPool; readonly prefix: MacPrefix | undefined },
  { actor, reason }: Author,
): Promise<string> {
  if (prefix === undefined) return 'no prefix of the ledger fits its range';
  const first = parseAnyMac(`${prefix}:${pool.range_start}`);
  const last = parseAnyMac(`${prefix}:${pool.range_end}`);
  if (first === undefined || last === undefined) return 'its range is invalid';
  const days = Number(pool.auto_release_days);
  const periods = { autoReleaseSeconds: days > 0 ? days * 86_400 : null, reuseDelaySeconds: 86_400 };
  const definition = { name, first, last, description: pool.description, ...periods };
  return definePool(db, definition, actor, reason).catch((error: unknown) => {
    if (isLedgerError(error) && error.code === 'BAD_REQUEST') return error.message;
    throw error;
  });
}

async function readPools(db: Queryable): Promise<PlanPool[]> {
  return db.query({
    text: `select name, first, last, extract(epoch from auto_release)::bigint as "autoReleaseSeconds" from rock_mac.pools order by pool_id`,
    values: [],
    row: z.object({
      name: z.string(),
      first: addrSchema,
      last: addrSchema,
      autoReleaseSeconds: z.int().nullable(),
    }),
  });
}

/**
 * Locks the pools in the common lock order, so no address is handed out until the import is committed. Returns their ids.
 * Throws LEDGER_BUSY if a pool is not as planned.
 */
async function lockPools(db: Queryable, planned: readonly PlanPool[]): Promise<ReadonlyMap<string, number>> {
  const rows = await db.query({
    text: `select pool_id as "poolId", name, first, last from rock_mac.pools order by pool_id for no key update`,
    values: [],
    row: z.object({ poolId: z.int(), name: z.string(), first: addrSchema, last: addrSchema }),
  });
  const ids = new Map(rows.map(({ name, poolId }) => [name, poolId]));
  for (const { name, first, last } of planned) {
    const row = rows.find((each) => each.name === name);
    if (row?.first !== first || row.last !== last) throw new LedgerError('LEDGER_BUSY', `Pool ${name} was changed`);
  }
  return ids;
}

/** Returns what the ledger knows about the addresses in the file. It may know millions of others. */
async function knownAddresses(db: Queryable, allocations: readonly LegacyAllocation[]) {
  const addrs = allocations.flatMap(({ mac_address: text }) => {
    const parsed = parseMac(text);
    return parsed.ok ? [macToNumber(parsed.mac)] : [];
  });
  const known = new Map<MacAddress, PlanRow>();
  for (const group of groupsOf(addrs, LOOKED_UP_AT_ONCE)) {
    const rows = await db.query({
      text: `select addr, holder_key as key, state, device_id as "deviceId", allocated_at as "allocatedAt"
             from rock_mac.addresses where addr = any ($1::bigint[])`,
      values: [group],
      row: z.object({
        addr: addrSchema,
        key: z.string(),
        state: stateSchema,
        deviceId: optionalColumn(z.string()),
        allocatedAt: z.date(),
      }),
    });
    for (const { addr, ...row } of rows) known.set(addr, row);
  }
  return known;
}

function* groupsOf<T>(items: readonly T[], size: number): Generator<readonly T[]> {
  for (let from = 0; from < items.length; from += size) yield items.slice(from, from + size);
}

async function writeAddresses(
  db: Queryable,
  addresses: readonly PlannedAddress[],
  poolIds: ReadonlyMap<string, number>,
  { actor, reason = 'import' }: Author,
  onBatch: (rows: number) => void,
): Promise<void> {
  for (const group of groupsOf(addresses, ROWS_AT_ONCE)) {
    const rows = group.map((address) => ({
      addr: macToNumber(address.mac),
      pool: poolIds.get(address.pool.name),
      state: address.state,
      key: address.key,
      device: address.deviceId,
      type: address.deviceType,
      metadata: address.metadata,
      allocated: address.allocatedAt,
      released: address.releasedAt,
      period: address.state === 'active' ? address.pool.autoReleaseSeconds : null,
    }));
    await db.query({
      text: `insert into rock_mac.addresses (addr, pool_id, state, origin, holder_key, device_id, device_type, metadata, allocated_at, changed_at,
               released_at, expires_at, requester, actor, reason)
             select addr, pool, state, 'import', key, device, type, metadata, allocated, rock_mac.clock(), released,
                    rock_mac.clock() + make_interval(secs => period), $2, $2, $3
             from jsonb_to_recordset($1::jsonb) as r(addr bigint, pool int, state text, key text, device text, type text, metadata jsonb,
                    allocated timestamptz, released timestamptz, period bigint) order by addr`,
      values: [JSON.stringify(rows), actor, reason],
      row: nothing,
    });
    onBatch(rows.length);
  }
  // They were released long ago, so they belong before everything that the queues have passed.
  await db.query({
    text: `update rock_mac.pools set floor_at = '-infinity', floor_addr = 0`,
    values: [],
    row: nothing,
  });
}

/** Imported history has no state: it says nothing about the current table, and a replay ignores it. */
async function writeAudit(
  db: Queryable,
  audit: readonly PlannedAudit[],
  actor: string,
  onBatch: (rows: number) => void,
): Promise<void> {
  for (const group of groupsOf(audit, ROWS_AT_ONCE)) {
    const rows = group.map(({ deviceId: device, user: who, timestamp: at, ...row }, n) => ({
      ...row,
      device,
      who,
      at,
      n,
    }));
    await db.query({
      text: `insert into rock_mac.audit_log ("timestamp", action, mac_address, pool, device_id, "user", details, actor, reason)
             select at, action, mac, pool, device, who, details, $2, 'imported'
             from jsonb_to_recordset($1::jsonb) as r(at timestamptz, action text, mac macaddr, pool text, device text, who text,
                    details jsonb, n int) order by n`,
      values: [JSON.stringify(rows), actor],
      row: nothing,
    });
    onBatch(rows.length);
  }
}
