import { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { adopt } from '../../ledger/address/adopt.ts';
import { createAllocator } from '../../ledger/address/allocator.ts';
import { bind } from '../../ledger/address/bind.ts';
import { listAddresses } from '../../ledger/address/find.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import { ledgerTime, markMissing } from '../../ledger/address/mark-missing.ts';
import { release } from '../../ledger/address/release.ts';
import { renew } from '../../ledger/address/renew.ts';
import { listAudit } from '../../ledger/audit.ts';
import { backup } from '../../ledger/backup/backup.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { migrate, PROGRAM_VERSION } from '../../ledger/migrate.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { markAdopted, registerCluster } from '../../ledger/state/clusters.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { mac } from '../../mac/mac-address.ts';
import { type Pgbouncer, pgbouncerMissing, startPgbouncer } from '../env/postgres/pgbouncer.ts';
import { type Fresh, freshDatabase, sharedTestEnv } from '../env/testing.ts';
import { aPodRequest, aRequest, retryTransient } from './ledger-fixture.ts';
import { loginsOfThisFile } from './ledger-logins.ts';

const missing = pgbouncerMissing() ?? '';
const by = { actor: 'test', reason: 'test' };

const createLogin = loginsOfThisFile();

/* The connections of two processes share two server sessions, which change hands at every commit. */
describe.skipIf(missing !== '')(`behind pgbouncer in transaction mode${missing && ` (skipped: ${missing})`}`, () => {
  let database: Fresh & { readonly url: string };
  let pooler: Pgbouncer;
  let one: LedgerClient;
  let two: LedgerClient;

  const open = (url: string, max: number) =>
    openLedger({ url, applicationName: 'pooled', max, statementTimeoutMs: 10_000, connectTimeoutMs: 5_000 });

  beforeAll(async () => {
    database = await freshDatabase();
    pooler = await startPgbouncer(sharedTestEnv().postgresUrl, { serverConnections: 2 });
    const url = pooler.through(database.url);
    expect((await migrate(url)).version).toBe(PROGRAM_VERSION);
    await pooler.stop(); // the limits of a role apply from its next session on
    await pooler.start();
    one = open(url, 4);
    two = open(url, 4);
    await registerCluster(one, { clusterId: 'c1', name: 'one' }, 'test');
    await markAdopted(two, { clusterId: 'c1', epoch: 1 }, 'test');
  });
  afterAll(async () => {
    await Promise.all([one.close(), two.close()]);
    await pooler.close();
    await database.remove();
  });

  test('addresses are allocated, bound, renewed, released and listed as usual, from many concurrent connections', async () => {
    const allocators = [one, two].map((db) => createAllocator({ db, leaseSeconds: 120 }));
    const pools = ['development', 'docker', 'vultr'];
    const results = await Promise.all(
      Array.from({ length: 120 }, async (_, n) => {
        const key = `pooled-${String(n)}`;
        const request = aRequest({ key, pool: pools[n % 3] ?? '' });
        const result = await allocators[n % 2]?.allocate(request, { deadlineMs: 20_000 });
        if (result?.outcome !== 'allocated') throw new Error(JSON.stringify(result));
        return { mac: result.mac, generation: result.generation, key };
      }),
    );
    expect(new Set(results.map((result) => result.mac)).size).toBe(120);
    const pod = await allocators[0]?.allocate(aPodRequest('web'));
    await Promise.all(allocators.map((allocator) => allocator.close()));
    if (pod?.outcome !== 'allocated') throw new Error(JSON.stringify(pod));

    const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'web', uid: 'u1', nic: 'eth0' };
    const seen = { mac: pod.mac, key: 'named/web', boundKey: boundKey({ ...owner, mac: pod.mac }), owner };
    const found = { mac: mac('a4:58:0f:05:01:00'), key: 'found', owner: { ...owner, uid: 'u2' }, requester: 'ada' };
    const [left, right] = [results.slice(0, 60), results.slice(60)];
    await Promise.all([
      retryTransient(() => release(one, left, by)),
      retryTransient(() => renew(two, right)),
      retryTransient(() => bind(one, [seen], 'test')),
      retryTransient(() => adopt(two, [found], 'test')),
    ]);
    const pass = { clusterId: 'c1', startedAt: await ledgerTime(one), seen: [pod.mac] };
    expect(await markMissing(two, pass)).toMatchObject({ cleared: 0 });
    expect(await listAddresses(one, { states: ['active'], limit: 1_000 })).toHaveLength(62);
    expect(await listAudit(two, { action: 'release', limit: 1_000 })).toHaveLength(60);
    expect((await poolStats(one)).reduce((sum, { active }) => sum + active, 0)).toBe(62);
    expect((await ledgerState(two)).closed).toBeUndefined();
  });

  test('reports and backups read one snapshot', async () => {
    expect(await checkLedger(one)).toEqual([]);
    const nowhere = new Writable({
      write: (_, __, done) => {
        done();
      },
    });
    expect((await backup(two, nowhere)).counts.addresses).toBe(122);
  });

  test('no session state reaches the next user of a session, and the limits of the role apply', async () => {
    const settings = z.object({ name: z.string(), setting: z.string() });
    const limits = ['client_connection_check_interval', 'statement_timeout', 'idle_in_transaction_session_timeout'];
    const names = [...limits, 'lock_timeout', 'synchronous_commit'];
    const text = `select name, setting from pg_settings where name = any ($1) order by name`;
    const rows = await Promise.all([one, two].map((db) => db.query({ text, values: [names], row: settings })));
    const wanted = [
      { name: 'client_connection_check_interval', setting: '5000' },
      { name: 'idle_in_transaction_session_timeout', setting: '60000' },
      { name: 'lock_timeout', setting: '0' },
      { name: 'statement_timeout', setting: '60000' },
      { name: 'synchronous_commit', setting: 'on' },
    ];
    expect(rows).toEqual([wanted, wanted]);
    const left = `select (select count(*) from pg_prepared_statements) + (select count(*) from pg_cursors where name <> '') as left,
                    pg_my_temp_schema() = 0 as clean`;
    expect(await one.query({ text: left, values: [], row: z.object({ left: z.int(), clean: z.boolean() }) })).toEqual([
      { left: 0, clean: true },
    ]);
  });

  test('two clusters with a login each are kept apart', async () => {
    const logins = [await createLogin(database.url, 'rock_mac_app'), await createLogin(database.url, 'rock_mac_app')];
    const own = await startPgbouncer(sharedTestEnv().postgresUrl, {
      serverConnections: 2,
      userUrls: logins.map(({ url }) => url),
    });
    const [left, right] = logins.map(({ url }) => open(own.through(url), 2));
    try {
      if (left === undefined || right === undefined) throw new Error('there are two logins');
      for (const [db, clusterId] of [
        [left, 'left'],
        [right, 'right'],
      ] as const)
        expect(await registerCluster(db, { clusterId, name: clusterId }, 'test')).toBe('registered');
      await expect(registerCluster(left, { clusterId: 'right', name: 'x' }, 'test')).rejects.toMatchObject({
        code: 'LEDGER_NOT_ALLOWED',
      });
    } finally {
      await Promise.all([left?.close(), right?.close()]);
      await own.close();
    }
  });

  test('a pooler that gives all clients one user is refused, with the reason', async () => {
    const login = await createLogin(database.url, 'rock_mac_app');
    const forcing = await startPgbouncer(sharedTestEnv().postgresUrl, {
      serverConnections: 2,
      userUrls: [login.url],
      forcesUser: true,
    });
    const db = open(forcing.through(login.url), 2);
    try {
      await expect(ledgerState(db)).rejects.toMatchObject({
        code: 'LEDGER_SHARED_LOGIN',
        retryable: false,
        message: expect.stringMatching(
          new RegExp(`names user ${login.name}, but the session belongs to env`),
        ) as string,
      });
    } finally {
      await db.close();
      await forcing.close();
    }
  });

  test('a killed and restarted pooler causes one transient error', async () => {
    const allocateKey = (key: string) =>
      createAllocator({ db: one, leaseSeconds: 120 }).allocate(aRequest({ key }), { deadlineMs: 20_000 });
    await pooler.kill();
    const waiting = allocateKey('while it is away');
    await pooler.start();
    expect(['allocated', 'replayed']).toContain((await waiting).outcome);
    expect(await allocateKey('while it is away')).toMatchObject({ outcome: 'replayed', generation: 1 });
    expect(await checkLedger(two)).toEqual([]);
  });
});
