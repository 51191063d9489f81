import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect } from 'vitest';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import { allocate, type AllocationOutcome, type AllocationRequest } from '../../ledger/address/allocate.ts';
import { stickyKey } from '../../ledger/address/holder-key.ts';
import { checkLedger, type Finding } from '../../ledger/check/check.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { migrate, PROGRAM_VERSION } from '../../ledger/migrate.ts';
import { markAdopted, registerCluster } from '../../ledger/state/clusters.ts';
import { checkStock, fillStock, type StockHolder } from '../../ledger/stock/stock.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import type { Template } from '../env/postgres/template-database.ts';
import { eventually, freshDatabase } from '../env/testing.ts';

/** A migrated ledger, copied for each test file. */
export const ledgerTemplate: Template = { name: 'ledger_template', prepare: (url) => migrate(url) };

export interface TestLedger {
  readonly url: string;
  readonly db: LedgerClient;
  /** Moves the ledger's clock forward, and its callers' clocks with it; negative values move it back. */
  readonly advance: (seconds: number) => Promise<void>;
  /** Runs any SQL and returns its unparsed rows. */
  readonly sql: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;
  readonly close: () => Promise<void>;
}

export async function freshLedger(options: { readonly max?: number } = {}): Promise<TestLedger> {
  const database = await freshDatabase({ template: ledgerTemplate });
  const { url } = database;
  const { max = 4 } = options;
  const db = openLedger({ url, applicationName: 'test', max, statementTimeoutMs: 10_000, connectTimeoutMs: 5_000 });
  let shift = 0;
  const sql = async (text: string, values: unknown[] = []) =>
    (await db.connections.query<Record<string, unknown>>(text, values)).rows;
  await believeClock({ sql }); // the template may be older
  return {
    url,
    db,
    sql,
    advance: async (seconds) => {
      shift += seconds;
      await sql(`create or replace function rock_mac.clock() returns timestamptz language sql volatile parallel safe
                 return clock_timestamp() + make_interval(secs => ${String(shift)})`);
      await believeClock({ sql });
    },
    close: async () => {
      await db.close();
      await database.remove();
    },
  };
}

/** Has the ledger believe its clock for the next ten minutes, as if callers whose time passed too had just agreed. */
export async function believeClock({ sql }: Pick<TestLedger, 'sql'>): Promise<void> {
  await sql('update rock_mac.clock_trust set agreed_at = rock_mac.clock()');
}

/** Provides one ledger for all tests of a file. The tests use different pools. */
export function ledgerOfThisFile(options: { readonly max?: number } = {}): { readonly current: TestLedger } {
  let ledger: TestLedger | undefined;
  beforeAll(async () => {
    ledger = await freshLedger(options);
  });
  afterAll(async () => {
    await ledger?.close();
  });
  return {
    get current() {
      if (ledger === undefined) throw new Error('there is no ledger outside tests');
      return ledger;
    },
  };
}

/** Registers a cluster and ends its initial sync, so that it may allocate. */
export async function joinCluster(db: Queryable, clusterId: string, epoch = 1): Promise<void> {
  await registerCluster(db, { clusterId, name: clusterId }, 'test');
  await markAdopted(db, { clusterId, epoch }, 'test');
}

/** Returns the URL of a login that can only read. The login stays, because it belongs to the server. */
export async function readingUrl({ url, sql }: Pick<TestLedger, 'url' | 'sql'>): Promise<string> {
  const login = 'test_reader';
  await sql(`do $$ begin
               create role ${login} login password '${login}' in role rock_mac_auditor;
             exception when duplicate_object or unique_violation then null;
             end $$`);
  const reading = new URL(url);
  reading.username = login;
  reading.password = login;
  return reading.href;
}

/** Marks the schema as usable only by the next program version. Returns a function that undoes it. */
export async function schemaOfNextProgram(
  sql: (text: string, values: unknown[]) => Promise<unknown>,
): Promise<() => Promise<void>> {
  const next = PROGRAM_VERSION + 1;
  await sql(`insert into rock_mac.schema_version (version, name, min_program) values ($1, 'next', $1)`, [next]);
  return async () => {
    await sql('delete from rock_mac.schema_version where version = $1', [next]);
  };
}

/** Returns a request of a device, with changes for the test. */
export function aRequest(changes: Partial<AllocationRequest> & { readonly key: string }): AllocationRequest {
  return { pool: 'development', state: 'active', requester: 'ada', actor: 'test', ...changes };
}

/** Returns a request of a pod in cluster `c1`, pending as admission creates it. */
export function aPodRequest(name: string, changes: Partial<AllocationRequest> = {}): AllocationRequest {
  const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name, nic: 'eth0' };
  return aRequest({ key: `named/${name}`, pool: 'kubernetes', state: 'pending', owner, ...changes });
}

/** Returns a request for the sticky address of a pod in cluster `c1`. */
export function aStickyRequest(name: string, changes: Partial<AllocationRequest> = {}): AllocationRequest {
  const owner = stickyPod(name);
  return aRequest({ key: stickyKey(owner), pool: 'kubernetes', state: 'pending', owner, ...changes });
}

/** Returns the owner of the sticky address of a pod: it has no uid. */
export function stickyPod(name: string, clusterId = 'c1') {
  return { clusterId, kind: 'Pod', namespace: 'team', name, nic: 'eth0' };
}

export const LEASE_SECONDS = 120;

/** Requests one address and returns the outcome. */
export async function requestAddress(ledger: TestLedger, request: AllocationRequest): Promise<AllocationOutcome> {
  const [result] = await allocate(ledger.db, request.pool, [request], { leaseSeconds: LEASE_SECONDS });
  if (result === undefined) throw new Error('the ledger returned no outcome');
  return result;
}

/** Requests one address and throws unless it is handed out. */
export async function takeAddress(
  ledger: TestLedger,
  request: AllocationRequest,
): Promise<{ mac: MacAddress; generation: number; key: string }> {
  const result = await requestAddress(ledger, request);
  if (result.outcome !== 'allocated' && result.outcome !== 'replayed') {
    throw new Error(`not allocated: ${JSON.stringify(result)}`);
  }
  return { mac: result.mac, generation: result.generation, key: request.key };
}

/** Returns a process of a webhook in cluster `c1`, with changes for the test. */
export function aStockHolder(changes: Partial<StockHolder> = {}): StockHolder {
  return { clusterId: 'c1', id: 'holder-1', podName: 'rock-mac-webhook-1', podUid: 'pod-1', ...changes };
}

/** Registers a holder, fills its stock and returns the addresses. Throws if the ledger gives fewer than `count`. */
export async function fillAStock(
  { db }: Pick<TestLedger, 'db'>,
  {
    holder = aStockHolder(),
    ...request
  }: { readonly holder?: StockHolder; readonly count: number; readonly pool?: string },
): Promise<readonly AddressRef[]> {
  await checkStock(db, holder, undefined);
  const fill = { pool: 'kubernetes', fillId: randomUUID(), ticket: undefined, actor: 'webhook', ...request };
  const stock = await fillStock(db, holder, fill);
  expect(stock).toHaveLength(request.count);
  return stock;
}

/**
 * Returns the result of `attempt`, or throws after `ms`. Both time limits are timers of one process and fire in order,
 * so a busy machine does not fail the test.
 */
export function withinTime<T>(ms: number, attempt: Promise<T>): Promise<T> {
  const { promise: alarm, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new Error(`nothing came within ${String(ms)} ms`));
  }, ms);
  return Promise.race([attempt, alarm]).finally(() => {
    clearTimeout(timer);
  });
}

/** Resolves when a statement in this database waits for a lock. */
export async function untilLockWait({ sql }: Pick<TestLedger, 'sql'>): Promise<void> {
  const waiting = `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`;
  await eventually(async () => {
    expect(await sql(waiting)).not.toEqual([]);
  });
}

const TIME_FUNCTIONS = ['function clock', 'function expiry_held'];

/** The findings of a ledger whose time a test has changed, without those about the functions that it replaced. */
export async function findingsExceptClock(db: LedgerClient): Promise<readonly Finding[]> {
  const findings = await checkLedger(db);
  return findings.filter(({ rows }) => rows.some(({ object }) => !TIME_FUNCTIONS.includes(String(object))));
}

/** Retries transient errors, as every caller must. */
export async function retryTransient<T>(run: () => Promise<T>, tries = 10): Promise<T> {
  try {
    return await run();
  } catch (error) {
    if (tries > 1 && isLedgerError(error) && error.retryable) return retryTransient(run, tries - 1);
    throw error;
  }
}
