import { z } from 'zod';
import { macToNumber, numberToMac, parseAnyMac, parseMac } from '../../mac/mac-address.ts';
import type { LedgerClient } from '../connection/connect.ts';
import { isLedgerError, LedgerError } from '../errors.ts';
import {
  planAudit,
  planImport,
  type ImportPlan,
  type PlannedAddress,
  type PlannedAudit,
  type PlanPool,
} from './plan.ts';
import { readLegacyFile, type LegacyAllocation, type LegacyPool } from './predecessor-sqlite.ts';
import { requireSchema } from '../migrate.ts';
import { optionalColumn } from '../column-schemas.ts';
import { ledgerTime } from '../address/mark-missing.ts';
import { addrSchema, stateSchema } from '../address/owner.ts';
import { definePool } from '../pool/pools.ts';
import { queryOne, type Queryable } from '../connection/statement.ts';

/** What an import did, or would do in a dry run. */
export interface ImportReport extends Omit<ImportPlan, 'addresses'> {
  readonly dryRun: boolean;
  /** Number of addresses by their state in the ledger. */
  readonly imported: Readonly<Record<PlannedAddress['state'], number>>;
  readonly auditRows: number;
  /** Pools that the ledger did not have. */
  readonly poolsDefined: readonly string[];
}

export interface ImportOptions {
  readonly dryRun: boolean;
  readonly actor: string;
}

const nothing = z.object({});
const ROWS_AT_ONCE = 1_000;

/**
 * Imports the predecessor's SQLite file in one transaction: all or nothing. A second import of the same file keeps
 * existing rows. The file is not changed.
 *
 * An active address gets a full auto-release period from now, because nobody could renew it before. A dry run writes
 * nothing and reports what would happen, including problems.
 *
 * Throws IMPORT_REFUSED if the file is not the predecessor's, and if there are problems.
 */
export async function importSqlite(db: LedgerClient, file: string, options: ImportOptions): Promise<ImportReport> {
  const legacy = await readLegacyFile(file);
  const rollback = new Rollback();
  let report: ImportReport | undefined;
  try {
    await db.transaction(async (transaction) => {
      await requireSchema(transaction);
      const { poolsDefined, poolNotes } = await definePools(transaction, legacy.pools, options.actor);
      const pools = await lockPools(transaction);
      const now = await ledgerTime(transaction);
      const known = await knownAddresses(transaction, legacy.allocations);
      const { addresses, ...plan } = planImport({ allocations: legacy.allocations, pools, known, now });
      const isFirst = plan.alreadyThere === 0; // the first import also imports the history
      const audit = isFirst ? planAudit(legacy.audit, now) : [];
      const imported = countStates(addresses);
      const notes = [...poolNotes, ...plan.notes];
      report = { ...plan, notes, dryRun: options.dryRun, imported, auditRows: audit.length, poolsDefined };
      if (options.dryRun || plan.problems.length > 0) throw rollback;
      await writeAudit(transaction, audit, options.actor);
      await writeAddresses(transaction, addresses, options.actor);
    });
  } catch (error) {
    if (error !== rollback) throw error;
  }
  if (report === undefined) throw new Error('the import has no plan');
  if (!options.dryRun && report.problems.length > 0) throw importRefused(report.problems);
  return report;
}

/** Rolls back a transaction on purpose; not a failure. */
class Rollback extends Error {}

function importRefused(problems: readonly string[]): LedgerError {
  const more = problems.length > 5 ? `; and ${String(problems.length - 5)} more` : '';
  return new LedgerError('IMPORT_REFUSED', `Nothing was imported: ${problems.slice(0, 5).join('; ')}${more}`, {
    next: 'Release these addresses where they are wrong, in the file or in the ledger. A dry run lists them all.',
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

/**
 * Defines the pools that users had added to the file. If one overlaps a pool of the ledger, the ledger's pool stays. A
 * pool that cannot be defined is reported, and its addresses are left out.
 */
async function definePools(db: Queryable, legacy: readonly LegacyPool[], actor: string) {
  const poolsDefined: string[] = [];
  const poolNotes: string[] = [];
  const { prefix, names } = await queryOne(db, {
    text: `select prefix, array(select name from rock_mac.pools) as names from rock_mac.ledger_state`,
    values: [],
    row: z.object({ prefix: z.string(), names: z.array(z.string()) }),
  });
  for (const pool of legacy.filter(({ name }) => !names.includes(name.toLowerCase()))) {
    const name = pool.name.toLowerCase();
    const outcome = await defineLegacyPool(db, name, pool, prefix, actor);
    if (outcome === 'defined') poolsDefined.push(name);
    else poolNotes.push(`pool ${name} (${pool.range_start}-${pool.range_end}) was not defined: ${outcome}`);
  }
  return { poolsDefined, poolNotes };
}

async function defineLegacyPool(
  db: Queryable,
  name: string,
  pool: LegacyPool,
  prefix: string,
  actor: string,
): Promise<string> {
  const first = parseAnyMac(`${prefix}:${pool.range_start}`);
  const last = parseAnyMac(`${prefix}:${pool.range_end}`);
  if (first === undefined || last === undefined) return 'its range is invalid';
  const days = Number(pool.auto_release_days);
  const periods = { autoReleaseSeconds: days > 0 ? days * 86_400 : null, reuseDelaySeconds: 86_400 };
  const definition = { name, first, last, description: pool.description, ...periods };
  return definePool(db, definition, actor).catch((error: unknown) => {
    if (isLedgerError(error) && error.code === 'BAD_REQUEST') return error.message;
    throw error;
  });
}

/** Locks all pools, in the common lock order, so no address is handed out during the import. */
async function lockPools(db: Queryable): Promise<PlanPool[]> {
  return db.query({
    text: `select pool_id as "poolId", name, first, last, extract(epoch from auto_release)::bigint as "autoReleaseSeconds"
           from rock_mac.pools order by pool_id for no key update`,
    values: [],
    row: z.object({
      poolId: z.int(),
      name: z.string(),
      first: addrSchema,
      last: addrSchema,
      autoReleaseSeconds: z.int().nullable(),
    }),
  });
}

/** Returns what the ledger knows about the addresses in the file. It may know millions of others. */
async function knownAddresses(db: Queryable, allocations: readonly LegacyAllocation[]) {
  const addrs = allocations.flatMap(({ mac_address: text }) => {
    const parsed = parseMac(text);
    return parsed.ok ? [macToNumber(parsed.mac)] : [];
  });
  const rows = await db.query({
    text: `select addr, holder_key as key, state, device_id as "deviceId", allocated_at as "allocatedAt"
           from rock_mac.addresses where addr = any ($1::bigint[])`,
    values: [addrs],
    row: z.object({
      addr: z.int(),
      key: z.string(),
      state: stateSchema,
      deviceId: optionalColumn(z.string()),
      allocatedAt: z.date(),
    }),
  });
  return new Map(rows.map(({ addr, ...row }) => [numberToMac(addr), row]));
}

async function writeAddresses(db: Queryable, addresses: readonly PlannedAddress[], actor: string): Promise<void> {
  for (let from = 0; from < addresses.length; from += ROWS_AT_ONCE) {
    const rows = addresses.slice(from, from + ROWS_AT_ONCE).map((address) => ({
      addr: macToNumber(address.mac),
      pool: address.pool.poolId,
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
                    rock_mac.clock() + make_interval(secs => period), $2, $2, 'import'
             from jsonb_to_recordset($1::jsonb) as r(addr bigint, pool int, state text, key text, device text, type text, metadata jsonb,
                    allocated timestamptz, released timestamptz, period bigint) order by addr`,
      values: [JSON.stringify(rows), actor],
      row: nothing,
    });
  }
  // They were released long ago, so they belong before everything that the queues have passed.
  await db.query({
    text: `update rock_mac.pools set floor_at = '-infinity', floor_addr = 0`,
    values: [],
    row: nothing,
  });
}

/** Imported history has no state: it says nothing about the current table, and a replay ignores it. */
async function writeAudit(db: Queryable, audit: readonly PlannedAudit[], actor: string): Promise<void> {
  for (let from = 0; from < audit.length; from += ROWS_AT_ONCE) {
    const rows = audit
      .slice(from, from + ROWS_AT_ONCE)
      .map(({ deviceId: device, user: who, timestamp: at, ...row }, n) => ({ ...row, device, who, at, n }));
    await db.query({
      text: `insert into rock_mac.audit_log ("timestamp", action, mac_address, pool, device_id, "user", details, actor, reason)
             select at, action, mac, pool, device, who, details, $2, 'imported'
             from jsonb_to_recordset($1::jsonb) as r(at timestamptz, action text, mac macaddr, pool text, device text, who text,
                    details jsonb, n int) order by n`,
      values: [JSON.stringify(rows), actor],
      row: nothing,
    });
  }
}
