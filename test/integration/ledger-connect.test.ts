import { createServer } from 'node:net';
import { Client } from 'pg';
import { afterEach, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { createAllocator } from '../../ledger/address/allocator.ts';
import { listAddresses } from '../../ledger/address/find.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import type { Statement } from '../../ledger/connection/statement.ts';
import { LedgerError } from '../../ledger/errors.ts';
import { migrate, PROGRAM_VERSION, requireSchema, schemaVersion } from '../../ledger/migrate.ts';
import { eventually, freshDatabase, sharedTestEnv } from '../env/testing.ts';
import { aRequest, ledgerOfThisFile, takeAddress, withinTime } from './ledger-fixture.ts';

const ledger = ledgerOfThisFile();
const opened: LedgerClient[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.close()));
});

function open(url: string, changes: Partial<Parameters<typeof openLedger>[0]> = {}): LedgerClient {
  const db = openLedger({
    url,
    applicationName: 'test',
    max: 2,
    statementTimeoutMs: 5_000,
    connectTimeoutMs: 5_000,
    ...changes,
  });
  opened.push(db);
  return db;
}

const selectOne: Statement<{ one: number }> = {
  text: 'select 1::int8 as one',
  values: [],
  row: z.object({ one: z.int() }),
};

async function errorOf(attempt: Promise<unknown>): Promise<LedgerError> {
  const error: unknown = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof LedgerError) return error;
  throw new Error(`not a LedgerError: ${String(error)}`);
}

describe('an unusable ledger is reported with the reason and the next step', () => {
  test('when nobody listens', async () => {
    const error = await errorOf(open('postgresql://app:secret@127.0.0.1:1/rock').query(selectOne));
    expect(error).toMatchObject({ code: 'LEDGER_UNAVAILABLE', retryable: true });
  });

  test('when something listens and never responds', async () => {
    const silent = createServer(() => undefined).listen(0, '127.0.0.1');
    const address = await new Promise<{ port: number }>((resolve) => {
      silent.on('listening', () => {
        const at = silent.address();
        if (at !== null && typeof at === 'object') resolve(at);
      });
    });
    const db = open(`postgresql://app@127.0.0.1:${String(address.port)}/rock`, { connectTimeoutMs: 1_000 });
    const error = await withinTime(1_500, errorOf(db.query(selectOne)));
    expect(error).toMatchObject({ code: 'LEDGER_UNAVAILABLE', retryable: true });
    silent.close();
  });

  test('when it refuses the password, which is in no message', async () => {
    const url = new URL(sharedTestEnv().postgresUrl);
    url.password = 'wrong:s3cr@t';
    const error = await errorOf(open(url.href).query(selectOne));
    expect(error).toMatchObject({ code: 'LEDGER_AUTH_FAILED', retryable: false });
    expect(error.message).not.toContain('s3cr');
  });

  test('when the database is missing, or has no ledger', async () => {
    const url = new URL(sharedTestEnv().postgresUrl);
    url.pathname = '/nowhere';
    expect(await errorOf(open(url.href).query(selectOne))).toMatchObject({ code: 'LEDGER_DATABASE_MISSING' });
    const empty = await freshDatabase();
    const db = open(empty.url);
    expect(await errorOf(requireSchema(db))).toMatchObject({ code: 'LEDGER_SCHEMA_MISSING', retryable: false });
    expect(await errorOf(listAddresses(db))).toMatchObject({ code: 'LEDGER_SCHEMA_MISSING' });
    await db.close();
    await empty.remove();
  });

  test('when Postgres could not store a value', async () => {
    expect(await errorOf(listAddresses(ledger.current.db, { limit: -1 }))).toMatchObject({ code: 'BAD_REQUEST' });
    expect(await errorOf(listAddresses(ledger.current.db, { pool: 'a\0b' }))).toMatchObject({ code: 'BAD_REQUEST' });
  });

  test('when the database is read-only, or the URL is invalid', async () => {
    const db = open(ledger.current.url);
    const write = {
      text: 'insert into rock_mac.clusters (cluster_id, name, changed_by) values ($1, $1, $1)',
      values: ['x'],
      row: z.object({}),
    };
    const error = await errorOf(
      db.transaction(async (transaction) => {
        await transaction.query({ text: 'set transaction read only', values: [], row: z.object({}) });
        await transaction.query(write);
      }),
    );
    expect(error).toMatchObject({ code: 'LEDGER_READ_ONLY', retryable: true });
    expect(() => open('http://app:secret@db/rock')).toThrow(/is not the URL of a Postgres database/);
  });
});

describe('a connection', () => {
  test('on which a statement timed out is never used again', async () => {
    const db = open(ledger.current.url, { max: 1, statementTimeoutMs: 2_000 });
    const sleep = { text: 'select pg_sleep(8)::text, 7::int8 as one', values: [], row: z.object({ one: z.int() }) };
    expect(await withinTime(2_500, errorOf(db.query(sleep)))).toMatchObject({
      code: 'LEDGER_TIMEOUT',
      retryable: true,
    });
    expect(await db.query(selectOne)).toEqual([{ one: 1 }]);
  });

  test('that does not become free in time is reported as a timeout, not as a server that cannot be reached', async () => {
    const db = open(ledger.current.url, { max: 1, connectTimeoutMs: 200 });
    const slow = db.query({ text: 'select pg_sleep(2)::text', values: [], row: z.object({}) });
    const { code, message } = await errorOf(db.query(selectOne));
    expect({ code, message }).toEqual({
      code: 'LEDGER_TIMEOUT',
      message: expect.stringContaining('all connections of this program to the ledger are in use') as string,
    });
    await slow;
  });

  test('whose client gave up ends its statement on the server, so that attempts do not add up', async () => {
    const own = await freshDatabase(); // a template does not pass its settings on
    onTestFinished(() => own.remove());
    await migrate(own.url);
    const db = open(own.url, { max: 1, applicationName: 'gave up', statementTimeoutMs: 500 });
    const slow = { text: 'select pg_sleep(50)::text', values: [], row: z.object({}) };
    expect(await errorOf(db.query(slow))).toMatchObject({ code: 'LEDGER_TIMEOUT' });
    const left = `select count(*)::int as sessions from pg_stat_activity where application_name = 'gave up' and query like '%pg_sleep%'`;
    await eventually(
      async () => {
        expect(await ledger.current.sql(left)).toEqual([{ sessions: 0 }]);
      },
      { within: 30_000 },
    );
  });

  test('that the server ended fails one statement and no more', async () => {
    const db = open(ledger.current.url, { max: 1, applicationName: 'victim', statementTimeoutMs: 30_000 });
    await db.query(selectOne);
    const admin = new Client(sharedTestEnv().postgresUrl);
    await admin.connect();
    const slow = errorOf(db.query({ text: 'select pg_sleep(30)::text', values: [], row: z.object({}) }));
    const kill = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'victim' and query like 'select pg_sleep%'`;
    while ((await admin.query(kill)).rowCount === 0);
    expect(await slow).toMatchObject({ code: 'LEDGER_UNAVAILABLE', retryable: true });
    await admin.end();
    expect(await db.query(selectOne)).toEqual([{ one: 1 }]);
  });

  test('of a closed client is refused', async () => {
    const db = open(ledger.current.url);
    await db.close();
    expect(await errorOf(db.query(selectOne))).toMatchObject({ code: 'LEDGER_CLOSED' });
  });
});

describe('migrating', () => {
  test('runs each file once with concurrent migrators, and then nothing', async () => {
    const empty = await freshDatabase();
    const [one, two] = await Promise.all([migrate(empty.url), migrate(empty.url)]);
    expect([...one.applied, ...two.applied].sort()).toHaveLength(one.version);
    expect(one.version).toBe(PROGRAM_VERSION);
    expect(new Set([...one.applied, ...two.applied]).size).toBe(one.version);
    expect(await migrate(empty.url)).toEqual({ applied: [], version: one.version });
    const db = open(empty.url);
    expect(await requireSchema(db)).toEqual({ version: one.version, minProgram: 0 });
    await db.query({ text: 'select count(*) from active_allocations', values: [], row: z.object({}) });
    await db.close();
    await empty.remove();
  });

  test('refuses a ledger that only a newer program may use, and accepts a newer one without a breaking change', async () => {
    const empty = await freshDatabase();
    const { version } = await migrate(empty.url);
    const db = open(empty.url);
    const next = (minProgram: number) =>
      db.connections.query(`insert into rock_mac.schema_version (version, name, min_program)
                     select max(version) + 1, 'next', ${String(minProgram)} from rock_mac.schema_version`);
    await next(0);
    expect(await requireSchema(db)).toEqual({ version: version + 1, minProgram: 0 });
    await next(version + 2);
    expect(await errorOf(requireSchema(db))).toMatchObject({ code: 'LEDGER_SCHEMA_TOO_NEW' });
    expect(await errorOf(migrate(empty.url))).toMatchObject({ code: 'LEDGER_SCHEMA_TOO_NEW' });
    expect((await schemaVersion(db)).version).toBe(version + 2);
    await db.close();
    await empty.remove();
  });
});

describe('the allocator', () => {
  test('serves many concurrent requests with different addresses, in few transactions', async () => {
    const { db, sql } = ledger.current;
    const commits = async () =>
      Number(
        (await sql(`select count(distinct xmin::text) as n from rock_mac.addresses where device_id = 'crowd'`))[0]?.[
          'n'
        ],
      );
    const allocator = createAllocator({ db, leaseSeconds: 120 });
    const results = await Promise.all(
      Array.from({ length: 300 }, (_, n) =>
        allocator.allocate(aRequest({ key: `crowd-${String(n)}`, device: { id: 'crowd' } })),
      ),
    );
    await allocator.close();
    expect(new Set(results.map((result) => (result.outcome === 'allocated' ? result.mac : result.outcome))).size).toBe(
      300,
    );
    expect(await commits()).toBe(3);
  });

  test('refuses a bad value alone, and every request once it is closed', async () => {
    const allocator = createAllocator({ db: ledger.current.db, leaseSeconds: 120 });
    const bad = [
      { key: '' },
      { key: 'x\0' },
      { key: 'y', requester: '\ud800' },
      { key: 'z', metadata: { a: 'x'.repeat(1e7) } },
    ];
    const good = allocator.allocate(aRequest({ key: 'good' }));
    for (const changes of bad) {
      expect(await errorOf(allocator.allocate(aRequest(changes)))).toMatchObject({
        code: 'BAD_REQUEST',
        retryable: false,
      });
    }
    expect(await good).toMatchObject({ outcome: 'allocated' });
    await allocator.close();
    expect(await errorOf(allocator.allocate(aRequest({ key: 'late' })))).toMatchObject({ code: 'LEDGER_CLOSED' });
  });

  test('refuses requests when its queue is full', async () => {
    const allocator = createAllocator({ db: ledger.current.db, leaseSeconds: 120, maxGroup: 2, maxQueue: 2 });
    const results = await Promise.allSettled(['q1', 'q2', 'q3'].map((key) => allocator.allocate(aRequest({ key }))));
    await allocator.close();
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(results[2]).toMatchObject({ reason: { code: 'LEDGER_OVERLOADED' } });
  });

  test('retries with the same key when a connection breaks, and gives up at the deadline', async () => {
    const { db, sql } = ledger.current;
    let broken = 0;
    const flaky: Pick<LedgerClient, 'query'> = {
      query: async <T>(statement: Statement<T>) => {
        const rows = await db.query(statement); // committed, but the result is lost
        if (broken++ < 2) throw new LedgerError('LEDGER_UNAVAILABLE', 'the result was lost');
        return rows;
      },
    };
    const allocator = createAllocator({ db: flaky, leaseSeconds: 120 });
    expect(await allocator.allocate(aRequest({ key: 'flaky' }))).toMatchObject({ outcome: 'replayed', generation: 1 });
    expect(await sql(`select from rock_mac.audit_log where holder_key = 'flaky'`)).toHaveLength(1);

    broken = -1_000;
    const nowhere = createAllocator({ db: open('postgresql://app@127.0.0.1:1/rock'), leaseSeconds: 120 });
    const never = nowhere.allocate(aRequest({ key: 'never' }), { deadlineMs: 700 });
    expect(await withinTime(1_000, errorOf(never))).toMatchObject({ code: 'LEDGER_UNAVAILABLE' });
    await Promise.all([allocator.close(), nowhere.close()]);
  });

  test('waits no longer than the deadline for a locked pool', async () => {
    const { db } = ledger.current;
    await takeAddress(ledger.current, aRequest({ key: 'before', pool: 'vultr' }));
    const allocator = createAllocator({ db, leaseSeconds: 120 });
    await db.transaction(async (transaction) => {
      const lock = `select from rock_mac.pools where name = 'vultr' for update`;
      await transaction.query({ text: lock, values: [], row: z.object({}) });
      const locked = allocator.allocate(aRequest({ key: 'locked', pool: 'vultr' }), { deadlineMs: 2_000 });
      expect(await withinTime(2_500, errorOf(locked))).toMatchObject({ code: 'LEDGER_BUSY', retryable: true });
      expect(await allocator.allocate(aRequest({ key: 'other pool', pool: 'docker' }))).toMatchObject({
        outcome: 'allocated',
      });
    });
    await allocator.close();
  });
});
