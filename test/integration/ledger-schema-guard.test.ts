import { afterEach, beforeEach, expect, test } from 'vitest';
import { z } from 'zod';
import { openLedger } from '../../ledger/connection/connect.ts';
import { type GuardedLedger, guardSchema } from '../../ledger/connection/schema-guard.ts';
import { PROGRAM_VERSION } from '../../ledger/migrate.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import { eventually } from '../env/run/eventually.ts';
import { freshLedger, schemaOfNextProgram, type TestLedger } from './ledger-fixture.ts';

let ledger: TestLedger;
let guarded: GuardedLedger;
/** Reported changes: `fit`, or the code of the error. */
let changes: string[];

function guard(url: string, checkEveryMs: number): GuardedLedger {
  const options = { url, applicationName: 'test', max: 2, statementTimeoutMs: 10_000, connectTimeoutMs: 5_000 };
  return guardSchema(openLedger(options), {
    checkEveryMs,
    onChange: (misfit) => changes.push(misfit?.code ?? 'fit'),
  });
}

beforeEach(async () => {
  changes = [];
  ledger = await freshLedger();
});

afterEach(async () => {
  await guarded.close();
  await ledger.close();
});

test('a matching ledger works through the guard, and no change is reported', async () => {
  guarded = guard(ledger.url, 20);
  expect(await listPools(guarded)).toHaveLength(7);
  expect(await guarded.transaction((db) => listPools(db))).toHaveLength(7);
  expect(guarded.notReadyReasons()).toEqual([]);
  expect(changes).toEqual([]);
});

test('a breaking change under a running program is detected, and its end too', async () => {
  guarded = guard(ledger.url, 20);
  await listPools(guarded);
  const putBack = await schemaOfNextProgram(ledger.sql);
  await eventually(() => {
    expect(changes).toEqual(['LEDGER_SCHEMA_TOO_NEW']);
  });
  await expect(listPools(guarded)).rejects.toMatchObject({ code: 'LEDGER_SCHEMA_TOO_NEW' });
  await expect(guarded.transaction((db) => listPools(db))).rejects.toMatchObject({ code: 'LEDGER_SCHEMA_TOO_NEW' });
  expect(guarded.notReadyReasons()).toEqual([expect.stringMatching(/has schema .*Upgrade this program/)]);

  await putBack();
  await eventually(() => {
    expect(changes).toEqual(['LEDGER_SCHEMA_TOO_NEW', 'fit']);
  });
  expect(await listPools(guarded)).toHaveLength(7);
});

test('an older schema is refused from the first statement on', async () => {
  await ledger.sql('delete from rock_mac.schema_version where version = $1', [PROGRAM_VERSION]);
  guarded = guard(ledger.url, 60_000);
  await expect(listPools(guarded)).rejects.toMatchObject({ code: 'LEDGER_SCHEMA_TOO_OLD' });
});

test('a statement that misses an object gets the schema error at once, not the odd error', async () => {
  guarded = guard(ledger.url, 60_000);
  await listPools(guarded);
  await schemaOfNextProgram(ledger.sql);
  const gone = { text: 'select rock_mac.gone_with_the_next_version()', values: [], row: z.unknown() };
  await expect(guarded.query(gone)).rejects.toMatchObject({ code: 'LEDGER_SCHEMA_TOO_NEW' });
  expect(changes).toEqual(['LEDGER_SCHEMA_TOO_NEW']);
});

test('an unreachable ledger is no schema error, and is checked before its first statement after it returns', async () => {
  const { url } = ledger;
  const away = new URL(url);
  away.port = '1';
  guarded = guard(away.href, 60_000);
  await expect(listPools(guarded)).rejects.toMatchObject({ code: 'LEDGER_UNAVAILABLE' });
  expect(guarded.notReadyReasons()).toEqual([]);
  expect(changes).toEqual([]);
});
