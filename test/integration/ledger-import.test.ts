import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { findByMac, listAddresses } from '../../ledger/address/find.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { importSqlite } from '../../ledger/import/import-sqlite.ts';
import { listPools } from '../../ledger/pool/pools.ts';
import { mac } from '../../mac/mac-address.ts';
import { aRequest, freshLedger, takeAddress, type TestLedger } from './ledger-fixture.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-test-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** The predecessor's schema, and rows with the quirks of real files. */
const SCHEMA = `
  create table mac_allocations (id integer primary key, mac_address text unique, pool text, device_id text, device_type text, metadata json,
    allocated_at timestamp, released_at timestamp, last_seen timestamp, status text);
  create table pools (name text primary key, range_start text, range_end text, description text, auto_release_days integer, created_at timestamp);
  create table counters (pool text primary key, last_allocated text, total_allocated integer, total_released integer, updated_at timestamp);
  create table audit_log (id integer primary key, action text, mac_address text, pool text, device_id text, user text, details json, timestamp timestamp);
  insert into pools values ('development', '01:00:00', '01:ff:ff', 'Development VMs', 7, ''), ('lab', '20:00:00', '20:00:ff', 'Lab', 3, ''),
    ('clash', '01:00:10', '01:00:20', 'Overlaps', 3, '')`;

const ROWS = `
  insert into mac_allocations (mac_address, pool, device_id, device_type, metadata, allocated_at, released_at, status) values
    ('a4:58:0f:01:00:00', 'development', 'vm-1', 'qemu-vm', '{"rack": "a7", "none": null}', '2024-03-01 10:00:00', null, 'active'),
    ('A4:58:0F:01:00:01', 'development', '', 'qemu-vm', 'free text', '2024-03-02T10:00:00Z', null, 'active'),
    ('a4:58:0f:01:00:02', 'development', 'vm-3', 'qemu-vm', '', '2024-03-03 10:00:00', '2024-03-04 11:30:00', 'released'),
    ('a4:58:0f:02:00:00', 'development', 'over', 'qemu-vm', '{}', '2024-03-05 10:00:00', null, 'active'),
    ('a4:58:0f:00:12:34', 'reserved', 'host', 'reserved', null, '2024-03-06 10:00:00', null, 'reserved'),
    ('a4:58:0f:20:00:01', 'lab', 'x', null, '[1]', '', null, 'lost'),
    ('a4:58:0f:99:00:00', 'reserved', 'stray', '', '', '2024-01-01 00:00:00', null, 'reserved'),
    ('hello', 'reserved', '', '', '', '', null, 'active');
  insert into audit_log (action, mac_address, pool, device_id, user, details, timestamp) values
    ('allocate', 'a4:58:0f:01:00:00', 'development', 'vm-1', 'ada', '{}', '2024-03-01 10:00:00'),
    ('release', 'vm-3', '', '', 'bob', 'no json', '2024-03-04 11:30:00')`;

let files = 0;

function aFile(...statements: string[]): string {
  const file = path.join(folder, `${String(files++)}.db`);
  const database = new DatabaseSync(file);
  for (const statement of statements) database.exec(statement);
  database.close();
  return file;
}

async function aLedger(): Promise<TestLedger> {
  const ledger = await freshLedger();
  onTestFinished(() => ledger.close());
  return ledger;
}

const now = { dryRun: false, actor: 'import' };

describe("importing the predecessor's file", () => {
  test('as a dry run reports what it would do, and does nothing', async () => {
    const { db } = await aLedger();
    const report = await importSqlite(db, aFile(SCHEMA, ROWS), { ...now, dryRun: true });
    expect(report).toEqual({
      dryRun: true,
      imported: { active: 3, reserved: 1, released: 1, orphaned: 1 },
      expiring: [
        { pool: 'development', addresses: 2, seconds: 604_800 },
        { pool: 'experiment', addresses: 1, seconds: 86_400 },
      ],
      alreadyThere: 0,
      auditRows: 2,
      poolsDefined: ['lab'],
      problems: [],
      leftOut: [
        'a4:58:0f:99:00:00 (pool reserved, reserved) is in no pool of the ledger',
        '"hello" is not a usable MAC address (malformed)',
      ],
      notes: [
        'pool clash (01:00:10-01:00:20) was not defined: overlaps',
        'a4:58:0f:02:00:00 had pool development; it is in the range of experiment',
        'a4:58:0f:00:12:34 had pool reserved; it is in the range of production',
        'a4:58:0f:20:00:01 has the unknown status "lost": imported as orphaned',
        'a4:58:0f:20:00:01 has no allocation time: imported with the current time',
      ],
    });
    expect(await listAddresses(db)).toEqual([]);
    expect((await listPools(db)).map(({ name }) => name)).not.toContain('lab');
  });

  test('takes a status that is the name of a member of every JavaScript object for an unknown one', async () => {
    const { db } = await aLedger();
    const file = aFile(SCHEMA, ROWS.replace("'lost'", "'constructor'"));
    const { notes, imported } = await importSqlite(db, file, { ...now, dryRun: true });
    expect(imported.orphaned).toBe(1);
    expect(notes).toContain('a4:58:0f:20:00:01 has the unknown status "constructor": imported as orphaned');
  });

  test('keeps owners, times, metadata and history, and allocation continues around them', async () => {
    const ledger = await aLedger();
    const { db, sql } = ledger;
    await importSqlite(db, aFile(SCHEMA, ROWS), now);
    expect(await findByMac(db, mac('a4:58:0f:01:00:00'))).toMatchObject({
      state: 'active',
      origin: 'import',
      device: { id: 'vm-1', type: 'qemu-vm' },
      metadata: { rack: 'a7', none: null },
      allocatedAt: new Date('2024-03-01T10:00:00Z'),
    });
    expect(await findByMac(db, mac('a4:58:0f:01:00:01'))).toMatchObject({
      metadata: { imported: 'free text' },
      pool: 'development',
    });
    expect(await findByMac(db, mac('a4:58:0f:01:00:02'))).toMatchObject({
      releasedAt: new Date('2024-03-04T11:30:00Z'),
    });
    expect(await findByMac(db, mac('a4:58:0f:00:12:34'))).toMatchObject({ state: 'reserved', pool: 'production' });
    // Nobody could renew it before, so it gets a full period from now.
    const { expiresAt } = (await findByMac(db, mac('a4:58:0f:01:00:00'))) ?? {};
    expect(Number(expiresAt) - Date.now()).toBeGreaterThan(6.9 * 86_400_000);
    expect(
      await sql(
        `select action, mac_address, device_id, "user", "timestamp" from rock_mac.audit_log order by id limit 2`,
      ),
    ).toEqual([
      {
        action: 'allocate',
        mac_address: 'a4:58:0f:01:00:00',
        device_id: 'vm-1',
        user: 'ada',
        timestamp: new Date('2024-03-01T10:00:00Z'),
      },
      {
        action: 'release',
        mac_address: null,
        device_id: 'vm-3',
        user: 'bob',
        timestamp: new Date('2024-03-04T11:30:00Z'),
      },
    ]);
    expect(await takeAddress(ledger, aRequest({ key: 'next' }))).toMatchObject({ mac: 'a4:58:0f:01:00:03' });
    expect(await takeAddress(ledger, aRequest({ key: 'next-2', pool: 'experiment' }))).toMatchObject({
      mac: 'a4:58:0f:02:00:01',
    });
    expect(await checkLedger(db)).toEqual([]);
  });

  test('twice changes nothing more', async () => {
    const { db } = await aLedger();
    const file = aFile(SCHEMA, ROWS);
    await importSqlite(db, file, now);
    const before = await listAddresses(db);
    expect(await importSqlite(db, file, now)).toMatchObject({
      alreadyThere: 6,
      auditRows: 0,
      imported: { active: 0, reserved: 0, released: 0, orphaned: 0 },
    });
    expect(await listAddresses(db)).toEqual(before);
  });

  test.each([
    ['another device', `update mac_allocations set device_id = 'vm-of-another-machine' where device_id = 'vm-1'`],
    ['another time', `update mac_allocations set allocated_at = '2025-01-01 00:00:00' where device_id = 'vm-1'`],
  ])('of a second machine, whose file has the same address for %s, is refused', async (_, change) => {
    const { db } = await aLedger();
    await importSqlite(db, aFile(SCHEMA, ROWS), now);
    const before = await listAddresses(db);
    await expect(importSqlite(db, aFile(SCHEMA, ROWS, change), now)).rejects.toMatchObject({
      code: 'IMPORT_REFUSED',
      message: expect.stringMatching(
        /a4:58:0f:01:00:00 is active in the file for device ".*", but an earlier import recorded device "vm-1" with it/,
      ) as string,
    });
    expect(await listAddresses(db)).toEqual(before);
  });

  test('is all or nothing: an address that the ledger gave to another owner refuses it', async () => {
    const ledger = await aLedger();
    await takeAddress(ledger, aRequest({ key: 'mine' }));
    const file = aFile(SCHEMA, ROWS);
    const problem = 'a4:58:0f:01:00:00 is active in the file, but active for another owner in the ledger';
    expect((await importSqlite(ledger.db, file, { ...now, dryRun: true })).problems).toEqual([problem]);
    await expect(importSqlite(ledger.db, file, now)).rejects.toMatchObject({
      code: 'IMPORT_REFUSED',
      message: expect.stringContaining(problem) as string,
    });
    expect(await listAddresses(ledger.db)).toHaveLength(1);
  });

  test('accepts files with fewer columns, and puts a long-used pool into its queue', async () => {
    const ledger = await aLedger();
    await importSqlite(
      ledger.db,
      aFile(
        'create table mac_allocations (mac_address text, status text, released_at text)',
        `insert into mac_allocations values ('a4-58-0f-05-00-00', 'released', '2020-01-01 00:00:00'), ('a4580f050001', 'active', null)`,
      ),
      now,
    );
    expect(await findByMac(ledger.db, mac('a4:58:0f:05:00:01'))).toMatchObject({ state: 'active' });
    await ledger.sql(`update rock_mac.pools set last = first + 1 where name = 'kubernetes'`);
    expect(await takeAddress(ledger, aRequest({ key: 'reuse', pool: 'kubernetes' }))).toMatchObject({
      mac: 'a4:58:0f:05:00:00',
      generation: 2,
    });
  });

  test('puts released addresses before the current position of the queue', async () => {
    const ledger = await aLedger();
    await ledger.sql(
      `update rock_mac.pools set last = first + 3, next_addr = first + 4, floor_at = now(), floor_addr = last where name = 'docker'`,
    );
    const rows = [0, 1, 2, 3].map(
      (n) => `('a4:58:0f:04:00:0${String(n)}', 'released', '2020-01-0${String(4 - n)} 00:00:00')`,
    );
    const file = aFile(
      'create table mac_allocations (mac_address text, status text, released_at text)',
      `insert into mac_allocations values ${rows.join()}`,
    );
    await importSqlite(ledger.db, file, now);
    expect(await takeAddress(ledger, aRequest({ key: 'oldest', pool: 'docker' }))).toMatchObject({
      mac: 'a4:58:0f:04:00:03',
    });
  });

  test('reports pools that cannot be defined, and ignores times before 1970', async () => {
    const ledger = await aLedger();
    const file = aFile(
      SCHEMA,
      `insert into pools values ('my_lab', '30:00:00', '30:00:ff', '', 3, ''), ('back', '31:00:ff', '31:00:00', '', 3, '')`,
      `insert into mac_allocations (mac_address, pool, allocated_at, released_at, status) values
        ('a4:58:0f:01:00:00', 'development', '0001-01-01 00:00:00+00:00', null, 'active'),
        ('a4:58:0f:01:00:01', 'development', '0000-01-01 00:00:00', '9999-12-31 23:59:59-12:00', 'released'),
        ('a4:58:0f:30:00:00', 'my_lab', '2024-03-01 10:00:00', null, 'active')`,
    );
    const report = await importSqlite(ledger.db, file, now);
    expect(report.poolsDefined).toEqual(['lab']);
    expect(report.notes.join('\n')).toMatch(
      /pool my_lab .* may contain only lower-case letters[^]*pool back .* is after last/,
    );
    expect(report.leftOut).toEqual(['a4:58:0f:30:00:00 (pool my_lab, active) is in no pool of the ledger']);
    const [row] = await listAddresses(ledger.db);
    expect(row?.allocatedAt.getTime()).toBeGreaterThan(Date.now() - 60_000);
    expect(await checkLedger(ledger.db)).toEqual([]);
  });

  test('trims devices, keeps numbers that JavaScript would change as text, and ignores days that do not exist', async () => {
    const { db } = await aLedger();
    const metadata = '{"serial": 12345678901234567890}';
    const file = aFile(
      SCHEMA,
      `insert into mac_allocations (mac_address, pool, device_id, metadata, allocated_at, status) values
        ('a4:58:0f:01:00:00', 'development', 'host' || char(13), '${metadata}', '2024-02-30 10:00:00', 'active')`,
    );
    const report = await importSqlite(db, file, now);
    expect(report.notes).toEqual([
      expect.stringContaining('was not defined') as string,
      'a4:58:0f:01:00:00 has no allocation time: imported with the current time',
      'a4:58:0f:01:00:00: its metadata has the number 12345678901234567890 and is kept as text',
    ]);
    const row = await findByMac(db, mac('a4:58:0f:01:00:00'));
    expect(row).toMatchObject({ device: { id: 'host' }, metadata: { imported: metadata } });
    expect(await importSqlite(db, file, now)).toMatchObject({ alreadyThere: 1, problems: [] });
  });

  test('leaves out the name of a device that looks like another one, and keeps its address', async () => {
    const { db } = await aLedger();
    const file = aFile(
      SCHEMA,
      `insert into mac_allocations (mac_address, pool, device_id, device_type, status) values
        ('a4:58:0f:01:00:00', 'development', 'vm-' || char(0x202e) || 'tsop', 'qemu-vm', 'active')`,
    );
    const { notes } = await importSqlite(db, file, now);
    expect(notes.join('\n')).toMatch(
      /a4:58:0f:01:00:00: its device id contains a character that nobody sees and was left out: "vm-.*tsop"/,
    );
    const row = await findByMac(db, mac('a4:58:0f:01:00:00'));
    expect(row).toMatchObject({ state: 'active', device: { id: undefined, type: 'qemu-vm' } });
    expect(await importSqlite(db, file, now)).toMatchObject({ alreadyThere: 1, problems: [] });
  });

  test('refuses a file that is locked or damaged, and reports which', async () => {
    const { db } = await aLedger();
    const fill = Array.from({ length: 2_000 }, (_, n) => `('${String(n)}', 'development')`);
    const file = aFile(SCHEMA, `insert into mac_allocations (mac_address, pool) values ${fill.join()}`);
    const other = new DatabaseSync(file);
    other.exec('begin exclusive');
    await expect(importSqlite(db, file, now)).rejects.toMatchObject({
      code: 'IMPORT_REFUSED',
      message: expect.stringMatching(/is locked/) as string,
    });
    other.close();
    const damaged = await readFile(file);
    await writeFile(file, damaged.fill(0xee, 40_000));
    await expect(importSqlite(db, file, now)).rejects.toMatchObject({
      code: 'IMPORT_REFUSED',
      message: expect.stringMatching(/malformed/) as string,
    });
  });

  test('refuses any other file, with its name', async () => {
    const { db } = await aLedger();
    const noise = path.join(folder, 'noise.db');
    await writeFile(noise, 'x'.repeat(5_000));
    for (const file of [noise, path.join(folder, 'missing.db'), folder, aFile('create table other (a text)')]) {
      await expect(importSqlite(db, file, now)).rejects.toMatchObject({
        code: 'IMPORT_REFUSED',
        message: expect.stringContaining(file) as string,
      });
    }
  });
});
