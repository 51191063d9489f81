import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { gunzipSync, gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { bind } from '../../ledger/address/bind.ts';
import { findByMacs, listAddresses } from '../../ledger/address/find.ts';
import { release } from '../../ledger/address/release.ts';
import { backup, backupToFile } from '../../ledger/backup/backup.ts';
import { restore, restoreFromFile } from '../../ledger/backup/restore.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { openLedger } from '../../ledger/connection/connect.ts';
import { endObservations } from '../../ledger/observation/observations.ts';
import { observe } from '../../ledger/observation/observe.ts';
import { definePool, listPools } from '../../ledger/pool/pools.ts';
import { bindLogin, listClusters } from '../../ledger/state/clusters.ts';
import { approveRecovery, markReported } from '../../ledger/state/recovery.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { markUnreachable } from '../../ledger/sticky/unreachable.ts';
import { listStock } from '../../ledger/stock/stock.ts';
import { mac } from '../../mac/mac-address.ts';
import {
  aPodRequest,
  aRequest,
  aStickyRequest,
  fillAStock,
  freshLedger,
  joinCluster,
  ledgerOfThisFile,
  requestAddress,
  stickyPod,
  takeAddress,
  type TestLedger,
} from './ledger-fixture.ts';

/** The ledger to back up: some pools, a cluster, and more rows than one line holds. */
const original = ledgerOfThisFile();
let whole: Buffer;

beforeAll(async () => {
  const ledger = original.current;
  const { db, sql } = ledger;
  await sql(`update rock_mac.ledger_state set replication_gap = 5, pending_cap = 77`);
  await joinCluster(db, 'c1');
  await bindLogin(db, { login: 'rock_mac_one', clusterId: 'c1' });
  const range = { first: mac('a4:58:0f:30:00:00'), last: mac('a4:58:0f:30:00:0f') };
  const periods = { description: 'ä "quoted" \\ pool', autoReleaseSeconds: null, reuseDelaySeconds: 60 };
  await definePool(db, { name: 'own', ...range, ...periods, strategy: 'random' }, 'test');
  for (let n = 0; n < 1_200; n++)
    await takeAddress(ledger, aRequest({ key: `vm-${String(n)}`, metadata: { n, text: 'line\nbreak', none: null } }));
  await takeAddress(ledger, aPodRequest('web'));
  const sticky = await takeAddress(ledger, aStickyRequest('web-0'));
  await bind(db, [{ ...sticky, boundKey: sticky.key, owner: stickyPod('web-0') }], 'test');
  await markUnreachable(db, { clusterId: 'c1', node: 'worker-1' }, [sticky], 'test');
  const gone = await takeAddress(ledger, aRequest({ key: 'gone', pool: 'own' }));
  await release(db, [gone], { actor: 'test', reason: 'test' });
  // More than one line holds, of which many differ only in their interface.
  const nics = Array.from({ length: 600 }, (_, index) => `net-${String(index)}`);
  const items = nics.map((nic, index) => ({
    mac: inUse[index % 2] ?? inUse[0],
    object: { ...stranger, nic },
    limited: false,
  }));
  await observe(db, items, 'test');
  whole = await backedUp(ledger);
}, 60_000);

const inUse = [mac('a4:58:0f:04:00:07'), mac('a4:58:0f:99:00:00')] as const;
const stranger = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'stranger', uid: 'u1', nic: '' };

async function backedUp({ db }: TestLedger): Promise<Buffer> {
  const out = new PassThrough();
  const chunks = out.toArray();
  await backup(db, out);
  return Buffer.concat(z.array(z.instanceof(Buffer)).parse(await chunks));
}

const by = { actor: 'restore' };
const from = (bytes: Buffer) => Readable.from([bytes]);
const everything = ({ sql }: TestLedger, table: string, order: string) =>
  sql(`select to_jsonb(t) as row from rock_mac.${table} t order by ${order}`);

async function emptyLedger(): Promise<TestLedger> {
  const ledger = await freshLedger();
  onTestFinished(() => ledger.close());
  return ledger;
}

/** Returns the backup with changed lines, compressed again. */
function changed(change: (lines: string[]) => string[]): Buffer {
  return gzipSync(change(gunzipSync(whole).toString().trimEnd().split('\n')).join('\n') + '\n');
}

describe('a restored backup', () => {
  test('has every row, and the ledger waits for an admin and for its clusters', async () => {
    const ledger = await emptyLedger();
    const restored = await restore(ledger.db, from(whole), by);
    expect(restored.counts).toEqual({
      clusters: 1,
      cluster_logins: 1,
      stock_holders: 0,
      pools: 8,
      prefixes: 1,
      addresses: 1_204,
      observations: 600,
      handovers: 0,
      audit_log: 1_208,
      audit_seals: 0,
    });
    expect(await listClusters(ledger.db)).toEqual(await listClusters(original.current.db));
    const before = await listAddresses(original.current.db, { limit: 10_000 });
    const after = await listAddresses(ledger.db, { limit: 10_000 });
    const beside = after.filter(({ state }) => state !== 'orphaned');
    expect(beside.map((row) => ({ ...row, expiresAt: undefined }))).toEqual(
      before.map((row) => ({ ...row, expiresAt: undefined })),
    );
    const audit = await everything(ledger, 'audit_log', 'id');
    expect(audit.slice(0, 1_208)).toEqual(await everything(original.current, 'audit_log', 'id'));
    expect(audit.slice(1_208).every(({ row }) => JSON.stringify(row).includes('replication-gap'))).toBe(true);
    expect((await listPools(ledger.db)).map(({ name, first, last }) => ({ name, first, last }))).toEqual(
      (await listPools(original.current.db)).map(({ name, first, last }) => ({ name, first, last })),
    );

    expect(restored.state).toMatchObject({ epoch: 2, needsApproval: true, closed: { why: 'recovering' } });
    expect(restored.state.ledgerId).toBe((await ledgerState(original.current.db)).ledgerId);
    expect(await requestAddress(ledger, aRequest({ key: 'early' }))).toEqual({
      outcome: 'not_open',
      why: 'recovering',
    });
    expect(await markReported(ledger.db, { clusterId: 'c1', epoch: 2 }, 'operator')).toBe('recovering');
    expect(await approveRecovery(ledger.db)).toBe('open');
    // 1,200 were handed out, and 5 more may have been after the backup.
    expect(await takeAddress(ledger, aRequest({ key: 'late' }))).toMatchObject({ mac: 'a4:58:0f:01:04:b5' });
    expect(await takeAddress(ledger, aRequest({ key: 'vm-7' }))).toMatchObject({
      mac: 'a4:58:0f:01:00:07',
      generation: 1,
    });
    expect(await checkLedger(ledger.db)).toEqual([]);
  });

  test('lets the logins of clusters reach the same clusters as before', async () => {
    const ledger = await emptyLedger();
    await restore(ledger.db, from(whole), by);
    const logins = 'select login, cluster_id, bound_by from rock_mac.cluster_logins';
    expect(await ledger.sql(logins)).toEqual(await original.current.sql(logins));
  });

  test('keeps observed addresses from being handed out, until they are no longer observed', async () => {
    const ledger = await emptyLedger();
    await restore(ledger.db, from(whole), by);
    const order = 'addr, cluster_id, uid, nic';
    const observations = await everything(ledger, 'observations', order);
    expect(observations).toEqual(await everything(original.current, 'observations', order));
    const isBlocked = async () =>
      ledger.sql(`select blocked from rock_mac.addresses where addr = rock_mac.to_addr('${inUse[0]}')`);
    expect(await isBlocked()).toEqual([{ blocked: true }]);
    const nics = Array.from({ length: 600 }, (_, index) => `net-${String(index)}`);
    await endObservations(
      ledger.db,
      nics.map((nic) => ({ mac: inUse[0], object: { ...stranger, nic } })),
    );
    expect(await isBlocked()).toEqual([{ blocked: false }]);
    expect(await checkLedger(ledger.db)).toEqual([]);
  });

  test('has no stock any more: its addresses are set aside until their holder drops them, or is gone', async () => {
    const stocked = await emptyLedger();
    await joinCluster(stocked.db, 'c1');
    const stock = await fillAStock(stocked, { count: 3 });
    const ledger = await emptyLedger();
    await restore(ledger.db, from(await backedUp(stocked)), by);
    const rows = await findByMacs(
      ledger.db,
      stock.map(({ mac }) => mac),
    );
    const setAside = { state: 'orphaned', origin: 'replication-gap', owner: { kind: 'Webhook', uid: 'holder-1' } };
    expect(rows).toMatchObject(stock.map((item) => ({ ...item, ...setAside })));
    const [holder] = await listStock(ledger.db);
    const [next] = await ledger.sql(
      `select nextval(pg_get_serial_sequence('rock_mac.stock_holders', 'sequence')) as n`,
    );
    expect(next).toEqual({ n: (holder?.sequence ?? 0) + 1 }); // the next process is later than all of before
    expect(await listStock(ledger.db)).toMatchObject([{ holder: { id: 'holder-1' }, count: 3 }]);
    expect(await checkLedger(ledger.db)).toEqual([]);
  });

  test('is refused by a ledger in use', async () => {
    const ledger = await emptyLedger();
    await takeAddress(ledger, aRequest({ key: 'mine' }));
    await expect(restore(ledger.db, from(whole), by)).rejects.toMatchObject({ code: 'LEDGER_NOT_EMPTY' });
    expect(await listAddresses(ledger.db)).toHaveLength(1);
  });

  test('of an older schema leaves new columns at their defaults', async () => {
    const ledger = await emptyLedger();
    const older = await backedUp(original.current);
    await ledger.sql(`alter table rock_mac.addresses add column colour text not null default 'grey'`);
    await restore(ledger.db, from(older), by);
    expect(await ledger.sql('select distinct colour from rock_mac.addresses')).toEqual([{ colour: 'grey' }]);
  });
});

describe('a file that cannot be restored is refused, and the ledger stays empty,', () => {
  const body = (lines: string[]) => lines.slice(0, -1);
  const bad: Readonly<Record<string, [make: () => Buffer, message: RegExp]>> = {
    'when it was cut in the middle': [
      () => whole.subarray(0, whole.length >> 1),
      /is truncated or damaged: unexpected end/,
    ],
    'when its last octets are missing': [() => whole.subarray(0, whole.length - 4), /is truncated or damaged/],
    'when it was cut between two lines': [() => changed(body), /is truncated or damaged: its end is missing/],
    'when it is empty': [() => Buffer.alloc(0), /is not a backup|is truncated or damaged/],
    'when a value in it was changed': [
      () => changed((lines) => lines.map((line) => line.replace('vm-7"', 'vm-x"'))),
      /its checksum does not match its content/,
    ],
    'when lines are missing in its middle': [
      () => changed((lines) => lines.toSpliced(3, 1)),
      /is truncated or damaged/,
    ],
    'when something follows its end': [() => changed((lines) => [...lines, '{}']), /something follows its end/],
    'when it is something else': [() => Buffer.from('SQLite format 3\0'), /is not a backup of a rock-mac ledger/],
    'when it is something else, compressed': [
      () => gzipSync('{"some": "object"}\n'),
      /is not a backup of a rock-mac ledger/,
    ],
    'when a newer program made it': [
      () => changed((lines) => lines.map((line) => line.replace('"version":1', '"version":2'))),
      /was made by a newer program \(format 2/,
    ],
    'when it has a newer schema': [
      () => changed((lines) => lines.map((line) => line.replace(/"schema":\d+/, '"schema":999'))),
      /was made by a newer program .*schema 999/,
    ],
  };

  test.each(Object.entries(bad))('%s', async (_, [make, message]) => {
    const ledger = await emptyLedger();
    const attempt = restore(ledger.db, from(make()), by);
    await expect(attempt).rejects.toMatchObject({
      code: 'BACKUP_REFUSED',
      message: expect.stringMatching(message) as string,
    });
    expect(await listAddresses(ledger.db)).toEqual([]);
    expect(await listPools(ledger.db)).toHaveLength(7);
    expect(await takeAddress(ledger, aRequest({ key: 'first' }))).toMatchObject({ mac: 'a4:58:0f:01:00:00' });
    expect(await checkLedger(ledger.db)).toEqual([]);
  });

  test('when it cannot be read, or is a folder', async () => {
    const ledger = await emptyLedger();
    for (const file of ['/missing/ledger.backup', tmpdir()]) {
      const attempt = restoreFromFile(ledger.db, file, by);
      await expect(attempt).rejects.toMatchObject({
        code: 'BACKUP_REFUSED',
        message: expect.stringMatching(/cannot be read/) as string,
      });
    }
  });
});

describe('a backup file', () => {
  async function aFolder(): Promise<string> {
    const folder = await mkdtemp(path.join(tmpdir(), 'rock-mac-test-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    return folder;
  }

  test('is readable by its owner only, and is a snapshot of a working ledger', async () => {
    const file = path.join(await aFolder(), 'ledger.backup');
    const busy = (async () => {
      for (let n = 0; n < 200; n++)
        await takeAddress(original.current, aRequest({ key: `busy-${String(n)}`, pool: 'docker' }));
    })();
    await backupToFile(original.current.db, file);
    await busy;
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const ledger = await emptyLedger();
    await restoreFromFile(ledger.db, file, by);
    expect((await checkLedger(ledger.db)).map(({ rule }) => rule)).toEqual([]);
  });

  test('that cannot be completed leaves nothing behind', async () => {
    const folder = await aFolder();
    const closed = openLedger({
      url: original.current.url,
      applicationName: 'test',
      max: 1,
      statementTimeoutMs: 100,
      connectTimeoutMs: 100,
    });
    await closed.close();
    await expect(backupToFile(closed, path.join(folder, 'x'))).rejects.toMatchObject({ code: 'LEDGER_CLOSED' });
    await writeFile(path.join(folder, 'old'), 'kept');
    expect(await readdir(folder)).toEqual(['old']);
    for (const [file, why] of [
      [path.join(folder, 'old', 'x'), /was not written \(.*folder that you may write to/],
      [folder, /was not written \(.*folder that you may write to/],
    ] as const) {
      const attempt = backupToFile(original.current.db, file);
      await expect(attempt).rejects.toMatchObject({
        code: 'BACKUP_NOT_WRITTEN',
        message: expect.stringMatching(why) as string,
      });
    }
    expect(await readdir(folder)).toEqual(['old']);
    expect(await readFile(path.join(folder, 'old'), 'utf8')).toBe('kept');
  });

  test('creates its folder', async () => {
    const file = path.join(await aFolder(), 'new', 'folder', 'ledger.backup');
    await backupToFile(original.current.db, file);
    expect(await readdir(path.dirname(file))).toEqual(['ledger.backup']);
  });
});
