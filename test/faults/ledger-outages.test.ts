import { execFile } from 'node:child_process';
import { chown, mkdtemp, rm } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, type TestContext } from 'vitest';
import { z } from 'zod';
import { allocate, type AllocationOutcome } from '../../ledger/address/allocate.ts';
import { type Allocator, createAllocator } from '../../ledger/address/allocator.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { migrate } from '../../ledger/migrate.ts';
import { startTcpProxy, type TcpProxy } from '../env/network/tcp-proxy.ts';
import { type Postgres, startPostgres } from '../env/postgres/postgres.ts';
import { eventually } from '../env/run/eventually.ts';
import { aRequest, withinTime } from '../integration/ledger-fixture.ts';

const MAX_CONNECTIONS = 14;
const DEADLINE_MS = 1_500;

let postgres: Postgres;
let proxy: TcpProxy;
/** A direct connection, to inspect the ledger. */
let direct: LedgerClient;
/** Through the faulty network, like a program. */
let db: LedgerClient;
let allocator: Allocator;

beforeAll(async () => {
  const settings = { max_connections: MAX_CONNECTIONS, superuser_reserved_connections: 0, reserved_connections: 0 };
  postgres = await startPostgres({ fsync: false, settings });
  proxy = await startTcpProxy({ host: '127.0.0.1', port: postgres.port });
  await migrate(postgres.url());
});

beforeEach(() => {
  const options = { applicationName: 'test', statementTimeoutMs: 600, connectTimeoutMs: 500 };
  const throughProxy = new URL(postgres.url());
  throughProxy.port = String(proxy.port);
  db = openLedger({ ...options, url: throughProxy.href, max: 2 });
  direct = openLedger({ ...options, url: postgres.url(), max: 1, statementTimeoutMs: 20_000, connectTimeoutMs: 5_000 });
  allocator = createAllocator({ db, leaseSeconds: 120 });
});

afterEach(async () => {
  await proxy.heal();
  await allocator.close();
  await Promise.all([db.close(), direct.close()]);
});

afterAll(async () => {
  await proxy.close();
  await postgres.close();
});

async function errorOf(attempt: Promise<unknown>): Promise<LedgerError> {
  const error: unknown = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof LedgerError) return error;
  throw new Error(`not a LedgerError: ${String(error)}`);
}

/** Returns the error of a request during a fault. It must arrive soon after the deadline. */
async function refusalOf(key: string): Promise<LedgerError> {
  const refusal = errorOf(allocator.allocate(aRequest({ key }), { deadlineMs: DEADLINE_MS }));
  return withinTime(DEADLINE_MS + 500, refusal);
}

/** Retries after the fault: the key has one address with one audit row, and nothing else happened. */
async function expectOneAllocation(key: string): Promise<AllocationOutcome> {
  const result = await allocator.allocate(aRequest({ key }), { deadlineMs: 20_000 });
  expect(['allocated', 'replayed']).toContain(result.outcome);
  const rows = (table: string) =>
    direct.query({
      text: `select 1 as row from rock_mac.${table} where holder_key = $1`,
      values: [key],
      row: z.object({}),
    });
  expect([await rows('addresses'), await rows('audit_log')].map(({ length }) => length)).toEqual([1, 1]);
  expect(await checkLedger(direct)).toEqual([]);
  return result;
}

/** Waits for the backends of the previous test, because each takes one of the few connections for another moment. */
async function noOtherBackends(): Promise<void> {
  const text = `select count(*) from pg_stat_activity where backend_type = 'client backend'`;
  const clients = { text, values: [], row: z.object({ count: z.int() }) };
  await eventually(async () => {
    expect(await direct.query(clients)).toEqual([{ count: 1 }]);
  });
}

describe('the result of a COMMIT that was lost on the way', () => {
  test('is returned again for the same key: the same address, and one audit row', async () => {
    const request = () => allocate(db, 'development', [aRequest({ key: 'lost-result' })], { leaseSeconds: 120 });
    proxy.dropAnswers({ when: (request) => request.includes('rock_mac.allocate') });
    expect(await errorOf(request())).toMatchObject({ code: 'LEDGER_TIMEOUT', retryable: true });
    const stored = await direct.query({
      text: `select generation, addr from rock_mac.addresses where holder_key = 'lost-result'`,
      values: [],
      row: z.object({ generation: z.literal(1), addr: z.int() }),
    });
    expect(stored).toHaveLength(1);
    await proxy.heal();
    expect(await request()).toMatchObject([{ outcome: 'replayed', generation: 1 }]);
    await expectOneAllocation('lost-result');
  });

  test('is hidden from the caller: the allocator retries before its deadline', async () => {
    let dropped = 0;
    proxy.dropAnswers({ when: (request) => request.includes('rock_mac.allocate') && dropped++ === 0 });
    const result = await allocator.allocate(aRequest({ key: 'unseen' }), { deadlineMs: 20_000 });
    expect(result).toMatchObject({ outcome: 'replayed', generation: 1 });
    expect(dropped).toBeGreaterThan(1);
    await expectOneAllocation('unseen');
  });

  test('of a transaction is an error after a possible success, and never a false success', async () => {
    proxy.dropAnswers({ when: (request) => request.includes('commit') });
    const error = await errorOf(
      db.transaction((transaction) =>
        allocate(transaction, 'development', [aRequest({ key: 'lost-end' })], { leaseSeconds: 120 }),
      ),
    );
    expect(error).toMatchObject({ code: 'LEDGER_TIMEOUT', retryable: true });
    await proxy.heal();
    expect(await expectOneAllocation('lost-end')).toMatchObject({ outcome: 'replayed' });
  });
});

describe('a request is refused in time, with a matching error code, and succeeds after the fault,', () => {
  test('when Postgres is slow', async () => {
    proxy.delay(3_000);
    expect(await refusalOf('slow')).toMatchObject({
      code: expect.stringMatching(/TIMEOUT|UNAVAILABLE/) as string,
      retryable: true,
    });
    await proxy.heal();
    await expectOneAllocation('slow');
  });

  test('when the network drops everything', async () => {
    await allocator.allocate(aRequest({ key: 'warm' }));
    proxy.freeze();
    expect(await refusalOf('frozen')).toMatchObject({
      code: expect.stringMatching(/TIMEOUT|UNAVAILABLE/) as string,
      retryable: true,
    });
    await proxy.heal();
    await expectOneAllocation('frozen');
  });

  test('when Postgres stops in the middle of it', async () => {
    await allocator.allocate(aRequest({ key: 'before' }));
    await postgres.kill();
    expect(await refusalOf('gone')).toMatchObject({ code: 'LEDGER_UNAVAILABLE', retryable: true });
    await postgres.start();
    await expectOneAllocation('gone');
  });

  test('when Postgres is read-only', async () => {
    await direct.connections.query('alter system set default_transaction_read_only = on');
    await direct.connections.query('select pg_reload_conf()');
    const show = {
      text: 'show default_transaction_read_only',
      values: [],
      row: z.object({ default_transaction_read_only: z.string() }),
    };
    await eventually(async () => {
      expect(await direct.query(show)).toEqual([{ default_transaction_read_only: 'on' }]);
    });
    expect(await refusalOf('read-only')).toMatchObject({ code: 'LEDGER_READ_ONLY', retryable: true });
    await direct.connections.query('set default_transaction_read_only = off; begin read write; rollback');
    await direct.connections.query('alter system reset default_transaction_read_only');
    await direct.connections.query('select pg_reload_conf()');
    await expectOneAllocation('read-only');
  });

  test('when Postgres has no free connection', async () => {
    await noOtherBackends();
    const hogs: Client[] = [];
    for (let number = 1; number < MAX_CONNECTIONS; number++) hogs.push(new Client(postgres.url()));
    await Promise.all(hogs.map((hog) => hog.connect()));
    expect(await refusalOf('crowded')).toMatchObject({ code: 'LEDGER_TOO_MANY_CONNECTIONS', retryable: true });
    await Promise.all(hogs.map((hog) => hog.end()));
    await expectOneAllocation('crowded');
  });

  test('when its disk is full', async (context) => {
    const disk = await smallDisk(context);
    await direct.connections.query(`create tablespace small location '${disk}'`);
    await direct.connections.query('alter table rock_mac.audit_log set tablespace small');
    // Random numbers do not compress, so a megabyte fills quickly.
    const noise = () => ({ noise: Array.from({ length: 700 }, () => Math.random()) });
    let error: LedgerError | undefined;
    let full = '';
    for (let number = 0; error === undefined; number++) {
      full = `full-${String(number)}`;
      const attempt = allocator.allocate(aRequest({ key: full, metadata: noise() }), { deadlineMs: DEADLINE_MS });
      error = await attempt.then(
        () => undefined,
        (reason: unknown) => (reason instanceof LedgerError ? reason : undefined),
      );
      expect(number).toBeLessThan(1_000);
    }
    expect(error).toMatchObject({ code: 'LEDGER_DISK_FULL', retryable: true });
    await direct.connections.query('alter table rock_mac.audit_log set tablespace pg_default');
    await direct.connections.query('drop tablespace small');
    await expectOneAllocation(full);
  });
});

const run = promisify(execFile);

/** Mounts a disk of one megabyte for Postgres; skips the test if this user may not mount one. */
async function smallDisk(context: TestContext): Promise<string> {
  if (process.getuid?.() !== 0) context.skip('a small disk needs the right to mount one: run as root');
  const folder = await mkdtemp(path.join(path.dirname(postgres.dataFolder), 'small-'));
  try {
    await run('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', folder]);
  } catch (error) {
    await rm(folder, { recursive: true });
    context.skip(`a small disk could not be mounted: ${String(error)}`);
  }
  context.onTestFinished(async () => {
    await run('umount', ['--lazy', folder]);
    await rm(folder, { recursive: true });
  });
  await chown(folder, 65_534, 65_534); // `nobody`, the user that runs Postgres when the tests run as root
  return folder;
}
