import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { adopt } from '../../ledger/address/adopt.ts';
import { allocate } from '../../ledger/address/allocate.ts';
import { release } from '../../ledger/address/release.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import type { Queryable } from '../../ledger/connection/statement.ts';
import { retireCluster } from '../../ledger/state/clusters.ts';
import { markUnused } from '../../ledger/sticky/unused.ts';
import { mac } from '../../mac/mac-address.ts';
import { freshDatabase } from '../env/testing.ts';
import { aPodRequest, aRequest, joinCluster, stickyPod } from './ledger-fixture.ts';

const page = await readFile(new URL('../../docs/ledger.md', import.meta.url), 'utf8');

/** The queries of the page, each with its question. */
const queries = [...page.matchAll(/\n([^\n]+)\n\n```sql\n(.*?)```/gs)].map(
  ([, question = '', sql = '']) => [question, sql] as const,
);

let db: LedgerClient;
let database: Awaited<ReturnType<typeof freshDatabase>>;

beforeAll(async () => {
  database = await freshDatabase({ migrate: true });
  db = openLedger({
    url: database.url,
    applicationName: 'test',
    max: 2,
    statementTimeoutMs: 10_000,
    connectTimeoutMs: 5_000,
  });
  for (const clusterId of ['c1', 'gone']) {
    await joinCluster(db, clusterId);
  }
  const devices = ['vm-1', 'vm-2'].map((id) => aRequest({ key: id, device: { id, type: 'qemu-vm' } }));
  await allocate(db, 'development', devices, { leaseSeconds: 120 });
  await release(db, [{ mac: mac('a4:58:0f:01:00:00'), generation: 1, key: 'vm-1' }], { actor: 'ada', reason: 'done' });
  await allocate(db, 'kubernetes', [aPodRequest('web')], { leaseSeconds: 120 });
  const sticky = { key: 'sticky/c1/web-0', owner: stickyPod('web-0') };
  await adopt(db, [{ mac: mac('a4:58:0f:05:00:90'), ...sticky, requester: 'ada' }], 'test');
  await markUnused(db, [{ mac: mac('a4:58:0f:05:00:90'), generation: 1, key: sticky.key }]);
  const owner = { clusterId: 'gone', kind: 'Pod', namespace: 'team', name: 'left', uid: 'u', nic: 'eth0' };
  await adopt(db, [{ mac: mac('a4:58:0f:05:00:99'), key: 'left', owner, requester: 'ada' }], 'test');
  await retireCluster(db, 'gone', 'test');
});
afterAll(async () => {
  await db.close();
  await database.remove();
});

const anyRow = z.record(z.string(), z.unknown());

/** Runs reads in one transaction, as a user with the auditor role. */
function asAuditor<T>(use: (transaction: Queryable) => Promise<T>): Promise<T> {
  return db.transaction(async (transaction) => {
    await transaction.query({ text: 'set local role rock_mac_auditor', values: [], row: anyRow });
    return use(transaction);
  });
}

const rowsFor = (text: string) => asAuditor((transaction) => transaction.query({ text, values: [], row: anyRow }));

describe('an auditor can run every query of docs/ledger.md:', () => {
  test('there are eleven', () => {
    expect(queries).toHaveLength(11);
  });

  test.each(queries)('%s', async (_, sql) => {
    expect(await rowsFor(sql)).not.toEqual([]);
  });
});

describe('the queries of the predecessor', () => {
  test.each([
    'select mac_address, pool, device_id, device_type, allocated_at, days_allocated from active_allocations order by allocated_at',
    `select pool, description, active_count, released_count, reserved_count, total_allocated, total_released from pool_stats where pool = 'development'`,
    'select id, action, mac_address, pool, device_id, "user", details, timestamp from audit_log order by timestamp desc limit 10',
  ])('work without a schema name: %s', async (sql) => {
    expect(await rowsFor(sql)).not.toEqual([]);
  });

  test('count allocated and released addresses', async () => {
    expect(await rowsFor(`select total_allocated, total_released from pool_stats where pool = 'development'`)).toEqual([
      { total_allocated: 2, total_released: 1 },
    ]);
  });
});

describe('an auditor', () => {
  test('reads every table and every view', async () => {
    const tables = await db.query({
      text: `select format('%I.%I', table_schema, table_name) as name from information_schema.tables where table_schema = 'rock_mac'`,
      values: [],
      row: z.object({ name: z.string() }),
    });
    expect(tables.length).toBeGreaterThan(8);
    for (const { name } of tables) await rowsFor(`select * from ${name} limit 1`);
  });

  test('can check the ledger', async () => {
    expect(await checkLedger({ transaction: asAuditor })).toEqual([]);
  });

  test.each([
    `update rock_mac.pools set paused = true`,
    `insert into rock_mac.audit_log (action, pool, "user", actor) values ('allocate', 'x', 'x', 'x')`,
    `delete from rock_mac.addresses`,
    `truncate rock_mac.audit_log`,
    `select rock_mac.pause_pool('docker', true, 'x')`,
    `select * from rock_mac.allocate('docker', '[]', '1 s')`,
    `select rock_mac.approve_recovery()`,
    `create table rock_mac.mine (x int)`,
  ])('changes nothing: %s', async (sql) => {
    await expect(rowsFor(sql)).rejects.toMatchObject({ code: 'LEDGER_NOT_ALLOWED', retryable: false });
  });
});

test('a user without the role reads nothing and cannot run functions of later migrations', async () => {
  const functions = await db.query({
    text: `select p.proname as name from pg_proc p where p.pronamespace = 'rock_mac'::regnamespace
             and has_function_privilege('public', p.oid, 'execute')`,
    values: [],
    row: anyRow,
  });
  expect(functions).toEqual([]);
});
