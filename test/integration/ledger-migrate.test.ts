import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { createAllocator } from '../../ledger/address/allocator.ts';
import { release } from '../../ledger/address/release.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { migrate, PROGRAM_VERSION, requireSchema, schemaVersion } from '../../ledger/migrate.ts';
import {
  aRequest,
  freshLedger,
  retryTransient,
  takeAddress,
  type TestLedger,
  untilLockWait,
} from './ledger-fixture.ts';

const NEXT = PROGRAM_VERSION + 1;

/** Returns a folder with the migrations of the next program version. */
async function withNext(sql: string): Promise<URL> {
  const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-test-'));
  onTestFinished(() => rm(folder, { recursive: true }));
  await cp(new URL('../../ledger/migrations/', import.meta.url), folder, { recursive: true });
  await writeFile(path.join(folder, `${String(NEXT).padStart(4, '0')}-next.sql`), sql);
  return pathToFileURL(`${folder}/`);
}

/** A typical expanding migration: columns with defaults, an index, a view, a new function. */
const EXPANDING = `
  alter table addresses add column colour text not null default 'grey';
  alter table pools add column owner text;
  create index addresses_colour on addresses (colour) where state = 'active';
  create view colours as select colour, count(*) as addresses from addresses group by colour;
  create function colour_of(p_addr bigint) returns text language sql stable set search_path = rock_mac, pg_temp
    return (select a.colour from addresses a where a.addr = p_addr);`;

async function aLedger(): Promise<TestLedger> {
  const ledger = await freshLedger();
  onTestFinished(() => ledger.close());
  return ledger;
}

/** Runs the previous program: allocates and releases addresses until it is stopped. */
function work({ db }: TestLedger): { turns: (more: number) => Promise<void>; stop: () => Promise<void> } {
  const allocator = createAllocator({ db, leaseSeconds: 120 });
  let stopped = false;
  let turns = 0;
  const waiter = async (name: number) => {
    for (let turn = 0; !stopped; turn++, turns++) {
      const key = `${String(name)}/${String(turn)}`;
      const result = await allocator.allocate(aRequest({ key }), { deadlineMs: 10_000 });
      if (result.outcome !== 'allocated' && result.outcome !== 'replayed') throw new Error(JSON.stringify(result));
      await retryTransient(() => release(db, [{ ...result, key }], { actor: 'test', reason: 'test' }));
      await sleep(1);
    }
  };
  const all = Promise.all(Array.from({ length: 8 }, (_, name) => waiter(name)));
  all.catch(() => {
    stopped = true; // `stop` throws its error
  });
  return {
    turns: async (more) => {
      const wanted = turns + more;
      while (!stopped && turns < wanted) await sleep(10);
    },
    stop: async () => {
      stopped = true;
      await all;
      await allocator.close();
    },
  };
}

test('a migration does not disturb the previous program, which continues with the new schema', async () => {
  const ledger = await aLedger();
  const working = work(ledger);
  await working.turns(50);
  expect(await migrate(ledger.url, { directory: await withNext(EXPANDING) })).toEqual({
    applied: [`${String(NEXT).padStart(4, '0')}-next.sql`],
    version: NEXT,
  });
  await working.turns(50);
  await working.stop();
  expect(await requireSchema(ledger.db)).toEqual({ version: NEXT, minProgram: 0 });
  expect(await takeAddress(ledger, aRequest({ key: 'after' }))).toMatchObject({ generation: 1 });
  expect(await checkLedger(ledger.db)).toEqual([]);
});

test('concurrent migrators apply each file once, also while the program works', async () => {
  const ledger = await aLedger();
  const working = work(ledger);
  const directory = await withNext(EXPANDING);
  const both = await Promise.all([migrate(ledger.url, { directory }), migrate(ledger.url, { directory })]);
  expect(both.flatMap(({ applied }) => applied)).toHaveLength(1);
  await working.stop();
});

test('a migration behind a long report lets allocations pass, and retries', async () => {
  const ledger = await aLedger();
  await takeAddress(ledger, aRequest({ key: 'first' }));
  const migrating = ledger.db.transaction(async (report) => {
    await report.query({ text: 'select count(*) from rock_mac.addresses', values: [], row: z.object({}) });
    const migration = migrate(ledger.url, { directory: await withNext(EXPANDING) });
    await untilLockWait(ledger);
    // Requested while the migration waits for the report and other statements wait for the migration.
    const allocator = createAllocator({ db: ledger.db, leaseSeconds: 120 });
    for (const key of ['one', 'two', 'three']) {
      expect(await allocator.allocate(aRequest({ key }))).toMatchObject({ outcome: 'allocated' });
      await sleep(700);
    }
    await allocator.close();
    expect((await schemaVersion(report)).version).toBe(PROGRAM_VERSION);
    return { migration };
  });
  expect((await (await migrating).migration).applied).toHaveLength(1);
});

test('a failing migration leaves nothing behind and reports its file', async () => {
  const ledger = await aLedger();
  const directory = await withNext(`create table half (x int); select 1 / 0;`);
  await expect(migrate(ledger.url, { directory })).rejects.toMatchObject({
    code: 'LEDGER_MIGRATION_FAILED',
    message: expect.stringMatching(/-next\.sql failed: division by zero/) as string,
  });
  expect((await schemaVersion(ledger.db)).version).toBe(PROGRAM_VERSION);
  expect(await ledger.sql(`select to_regclass('rock_mac.half')::text as half`)).toEqual([{ half: null }]);
});

test('a breaking migration refuses the previous program, at its start and when it migrates', async () => {
  const ledger = await aLedger();
  await migrate(ledger.url, { directory: await withNext(`-- min-program: ${String(NEXT)}\n${EXPANDING}`) });
  const refusal = {
    code: 'LEDGER_SCHEMA_TOO_NEW',
    retryable: false,
    message: expect.stringContaining('Upgrade this program') as string,
  };
  await expect(requireSchema(ledger.db)).rejects.toMatchObject(refusal);
  await expect(migrate(ledger.url)).rejects.toMatchObject(refusal);
});
