import { escapeIdentifier } from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import { allocate } from '../../ledger/address/allocate.ts';
import { createAllocator } from '../../ledger/address/allocator.ts';
import { bind } from '../../ledger/address/bind.ts';
import { findByHolderKey, findByMac } from '../../ledger/address/find.ts';
import { release } from '../../ledger/address/release.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { isLedgerError, sqlState } from '../../ledger/errors.ts';
import { isAllocated } from '../../ledger/outcomes.ts';
import { clearUnreachable, markUnreachable } from '../../ledger/sticky/unreachable.ts';
import { markUnused, releaseUnused } from '../../ledger/sticky/unused.ts';
import type { MacAddress } from '../../mac/mac-address.ts';
import { randomFrom } from '../doubles/seeded-random.ts';
import { auditAndTable, replay } from './ledger-audit-replay.ts';
import {
  aPodRequest,
  aStickyRequest,
  findingsExceptClock,
  joinCluster,
  LEASE_SECONDS,
  ledgerOfThisFile,
  retryTransient,
  stickyPod,
  untilLockWait,
} from './ledger-fixture.ts';

const ledger = ledgerOfThisFile();
const by = { actor: 'test', reason: 'test' };
const options = { leaseSeconds: LEASE_SECONDS };
const WORKER = { clusterId: 'c1', node: 'worker-1' };
const POOLS = ['kubernetes', 'docker'] as const;
let db: LedgerClient;

beforeAll(async () => {
  const { url, sql } = ledger.current;
  await sql(`alter database ${escapeIdentifier(new URL(url).pathname.slice(1))} set deadlock_timeout = '50ms'`);
  db = openLedger({ url, applicationName: 'race', max: 10, statementTimeoutMs: 10_000, connectTimeoutMs: 5_000 });
  await joinCluster(db, 'c1');
});
afterAll(() => db.close());

async function askFor(name: string, caller: Queryable = db, pool: string = POOLS[0]) {
  const [result] = await allocate(caller, pool, [aStickyRequest(name, { pool })], options);
  return result;
}

/** A pod is admitted and seen. Returns its address. */
async function start(name: string): Promise<AddressRef> {
  const result = await askFor(name);
  if (result?.outcome !== 'allocated') throw new Error(JSON.stringify(result));
  const { key } = aStickyRequest(name);
  await see(name, result.mac);
  return { mac: result.mac, generation: result.generation, key };
}

async function see(name: string, mac: MacAddress): Promise<void> {
  const { key } = aStickyRequest(name);
  const [bound] = await patient(() => bind(db, [{ mac, key, boundKey: key, owner: stickyPod(name) }], 'operator'));
  if (bound?.outcome !== 'bound') throw new Error(`${mac} of ${name}: ${JSON.stringify(bound)}`);
}

async function unusedItem({ mac }: { readonly mac: MacAddress }) {
  const row = await findByMac(db, mac);
  if (row?.missingSince === undefined) throw new Error(`${mac} is in use`);
  return { ...row, missingSince: row.missingSince };
}

/** Starts `second` while the transaction of `first` has not ended, and returns its result. */
async function during<T>(first: (transaction: Queryable) => Promise<unknown>, second: () => Promise<T>): Promise<T> {
  const { result } = await db.transaction(async (transaction) => {
    await first(transaction);
    const result = retryTransient(second);
    await untilLockWait(ledger.current);
    return { result };
  });
  return result;
}

test('an address that is replayed at this moment is not released as unused', async () => {
  const address = await start('replayed');
  await markUnused(db, [address]);
  const item = await unusedItem(address);
  const result = await during(
    (transaction) => askFor('replayed', transaction),
    () => releaseUnused(db, [item], by),
  );
  expect(result).toEqual([{ outcome: 'used' }]);
  expect(await findByMac(db, address.mac)).toMatchObject({ state: 'active', key: address.key });
});

test('a name whose address is released as unused at this moment gets another one', async () => {
  const address = await start('released');
  await markUnused(db, [address]);
  const item = await unusedItem(address);
  const result = await during(
    (transaction) => releaseUnused(transaction, [item], by),
    () => askFor('released'),
  );
  expect(result).toMatchObject({ outcome: 'allocated' });
  expect(result).not.toMatchObject({ mac: address.mac });
});

test('a name does not get an address whose node stops responding at this moment', async () => {
  const address = await start('cut off');
  const result = await during(
    (transaction) => markUnreachable(transaction, WORKER, [address], 'operator'),
    () => askFor('cut off'),
  );
  expect(result).toEqual({ outcome: 'consumer_unreachable', mac: address.mac, node: WORKER.node });
  await clearUnreachable(db, WORKER, [address], by);
});

test('of two admissions of a new name that ask two pools at once, both get the same address', async () => {
  const allocator = createAllocator({ db, ...options });
  const results: unknown[] = [];
  const second = await during(
    async (transaction) => results.push(await askFor('new', transaction, POOLS[0])),
    () => allocator.allocate(aStickyRequest('new', { pool: POOLS[1] })),
  );
  await allocator.close();
  const [first] = results;
  expect(first).toMatchObject({ outcome: 'allocated', pool: POOLS[0] });
  expect(second).toEqual({ ...(first as object), outcome: 'replayed', expiresAt: expect.any(Date) as Date });
});

/** Retries what another transaction was in the way of. All other errors are thrown, above all deadlocks. */
async function patient<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (error) {
    const state = isLedgerError(error) ? sqlState(error.cause) : undefined;
    if (state !== '55P03' && state !== '23505') throw error; // a lock that timed out; a key that another one took
    return patient(run);
  }
}

/** What the API server has stored: the pods by their names, each with its address. */
const pods = new Map<string, MacAddress>();
/** The names whose admission has begun and whose pod is not stored yet. */
const admitted = new Map<string, number>();

const inAdmission = (name: string, change: number) => admitted.set(name, (admitted.get(name) ?? 0) + change);

/** The API server stores a pod, unless one of its name exists. */
async function store(name: string, mac: MacAddress): Promise<void> {
  const [known, other] = [pods.get(name), [...pods].find(([, address]) => address === mac)?.[0] ?? name];
  if (other !== name || (known ?? mac) !== mac) throw new Error(`${name} with ${String(known)} got ${mac} of ${other}`);
  pods.set(name, mac);
  if (known === undefined) await see(name, mac);
}

/** A webhook admits pods by name, whether or not they exist. Others ask for addresses that names hold. */
async function admit(random: () => number, names: readonly string[]): Promise<void> {
  const pool = POOLS[Math.floor(random() * 2)] ?? POOLS[0];
  const some = names.filter(() => random() < 0.2);
  const wanted = [...pods.values()].filter(() => random() < 0.1);
  const requests = [
    ...some.map((name) => aStickyRequest(name, { pool })),
    ...wanted.map((requested) => aPodRequest(`wants ${requested}`, { pool, requested })),
  ].sort(() => random() - 0.5);
  for (const name of some) inAdmission(name, 1);
  const results = await patient(() => allocate(db, pool, requests, options));
  for (const [n, { key, owner, requested }] of requests.entries()) {
    const result = results[n];
    if (result === undefined || !isAllocated(result)) continue;
    if (requested === undefined) await store(owner?.name ?? '', result.mac);
    else await patient(() => release(db, [{ mac: result.mac, generation: result.generation, key }], by));
  }
  for (const name of some) inAdmission(name, -1);
}

const isBusy = (name: string) => (admitted.get(name) ?? 0) > 0;

/** Ends the pod of a name. The operator sees that, and releases the address later, if it finds no pod of the name. */
async function end(name: string, isReleased: boolean): Promise<void> {
  const row = await patient(() => findByHolderKey(db, aStickyRequest(name).key));
  if (row === undefined || isBusy(name)) return;
  pods.delete(name);
  await patient(() => markUnused(db, [row]));
  const unused = await patient(() => findByMac(db, row.mac));
  if (!isReleased || unused?.missingSince === undefined || isBusy(name) || pods.has(name)) return;
  const item = { ...unused, missingSince: unused.missingSince };
  await patient(() => releaseUnused(db, [item], by));
}

async function expectHeldByTheirNames(): Promise<void> {
  for (const [name, mac] of pods)
    expect(await findByMac(db, mac)).toMatchObject({ state: 'active', key: aStickyRequest(name).key });
}

test('webhooks that ask two pools for the same names, and an operator that releases them, never wait for each other in a circle', async () => {
  const names = Array.from({ length: 24 }, (_, n) => `web-${String(n)}`);
  const webhooks = [1, 2, 3, 4, 5, 6].map(async (seed) => {
    const random = randomFrom(seed);
    for (let round = 0; round < 60; round++) await admit(random, names);
  });
  const random = randomFrom(7);
  const operator = async () => {
    for (let round = 0; round < 300; round++)
      await end(names[Math.floor(random() * names.length)] ?? '', random() < 0.5);
  };
  await Promise.all([...webhooks, operator()]);
  await expectHeldByTheirNames();
  expect(await findingsExceptClock(db)).toEqual([]);
  const { entries, table } = await auditAndTable(db);
  expect(replay(entries)).toEqual(table);
});
