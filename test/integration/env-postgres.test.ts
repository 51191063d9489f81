import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startTcpProxy } from '../env/network/tcp-proxy.ts';
import { withClient } from '../env/postgres/databases.ts';
import { type Postgres, startPostgres } from '../env/postgres/postgres.ts';
import { eventually } from '../env/run/eventually.ts';

async function valuesIn(url: string): Promise<unknown[]> {
  const { rows } = await withClient(url, (client) => client.query<{ n: number }>('select n from numbers order by n'));
  return rows.map((row) => row.n);
}

async function openClient(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  onTestFinished(() => client.end().catch(() => undefined));
  return client;
}

describe('a PostgreSQL of the test environment', () => {
  let postgres: Postgres;
  let url: string;

  beforeAll(async () => {
    postgres = await startPostgres({ settings: { work_mem: '5MB', 'rock_mac.note': "it's ours" } });
    url = await postgres.createDatabase('numbers');
    await withClient(url, (client) => client.query('create table numbers (n int)'));
  });

  afterEach(async () => {
    if (postgres.pid === undefined) await postgres.start();
  });

  afterAll(async () => {
    await postgres.close();
  });

  it('keeps only committed data when it is killed with open sessions', async () => {
    const [done, open] = [await openClient(url), await openClient(url)];
    await done.query('insert into numbers values (1)');
    await open.query('begin');
    await open.query('insert into numbers values (2)');
    const pid = postgres.pid;
    const sleeping = expect(done.query('select pg_sleep(60)')).rejects.toThrow();
    await postgres.kill();
    await sleeping;
    expect(postgres.pid).toBeUndefined();
    await expect(openClient(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
    await postgres.start();
    expect(postgres.pid).not.toBe(pid);
    expect(await valuesIn(url)).toEqual([1]);
  });

  it('keeps its data and its port when it is stopped with connected clients and restarted', async () => {
    const client = await openClient(url);
    await client.query('insert into numbers values (3)');
    await postgres.stop();
    await expect(client.query('select 1')).rejects.toThrow();
    await postgres.start();
    expect(await valuesIn(url)).toContain(3);
  });

  it('is a PostgreSQL 18 with custom settings and a system identifier', async () => {
    const { rows } = await withClient(url, (client) =>
      client.query<Record<string, unknown>>(`
        select current_setting('server_version_num')::int / 10000 as major,
               current_setting('work_mem') as work_mem,
               current_setting('rock_mac.note') as note,
               current_setting('fsync') as fsync,
               current_setting('wal_level') as wal_level,
               (pg_control_checkpoint()).timeline_id as timeline,
               substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as wal_timeline`),
    );
    expect(rows).toEqual([
      {
        major: 18,
        work_mem: '5MB',
        note: "it's ours",
        fsync: 'on',
        wal_level: 'replica',
        timeline: 1,
        wal_timeline: '00000001',
      },
    ]);
  });

  it('rejects connections without the password', async () => {
    const wrong = new URL(url);
    wrong.password = 'guess';
    await expect(openClient(wrong.href)).rejects.toMatchObject({ code: '28P01' });
  });

  it('copies a database from a template, and drops it with open sessions', async () => {
    const copy = await postgres.createDatabase('copy', { template: 'numbers' });
    expect(await valuesIn(copy)).toEqual(await valuesIn(url));
    const session = await openClient(copy);
    await postgres.dropDatabase('copy');
    await expect(session.query('select 1')).rejects.toThrow();
  });

  it('runs beside another Postgres', async () => {
    const other = await startPostgres({ fsync: false });
    onTestFinished(() => other.close());
    expect(other.port).not.toBe(postgres.port);
    const { rows } = await withClient(other.url(), (client) => client.query('show fsync'));
    expect(rows).toEqual([{ fsync: 'off' }]);
  });

  it('commits although a proxy drops the response to COMMIT', async () => {
    const proxy = await startTcpProxy({ host: '127.0.0.1', port: postgres.port });
    onTestFinished(() => proxy.close());
    const through = new URL(url);
    through.port = String(proxy.port);
    const client = await openClient(through.href);
    await client.query('begin');
    await client.query('insert into numbers values (4)');
    proxy.dropAnswers({ when: (request) => request.includes('commit') });
    let answered = false;
    const committing = client.query('commit').then(
      () => (answered = true),
      () => undefined,
    );
    await eventually(async () => {
      expect(await valuesIn(url)).toContain(4);
    });
    expect(answered).toBe(false);
    await proxy.heal();
    await committing;
    expect(answered).toBe(false);
  });
});
