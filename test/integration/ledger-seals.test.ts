import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { backup } from '../../ledger/backup/backup.ts';
import { restore } from '../../ledger/backup/restore.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { type Anchor, compareAnchors, lastAnchor } from '../../ledger/seal/anchor.ts';
import { sealAudit } from '../../ledger/seal/seal.ts';
import { approveRecovery, recover, recoverIfNeeded } from '../../ledger/state/recovery.ts';
import { aRequest, freshLedger, takeAddress, type TestLedger } from './ledger-fixture.ts';

/** Returns the statement to run as a superuser, without triggers. */
const pastTheAudit = (statement: string) => `begin; set local session_replication_role = replica; ${statement}; commit`;

async function ledgerOfThisTest(): Promise<TestLedger> {
  const ledger = await freshLedger({ max: 8 });
  onTestFinished(() => ledger.close());
  return ledger;
}

let keys = 0;

/** Takes some addresses and seals their audit rows. */
async function sealedChange({ db, ...ledger }: TestLedger, count = 2): Promise<Anchor> {
  for (let n = 0; n < count; n++) await takeAddress({ db, ...ledger }, aRequest({ key: `key-${String(++keys)}` }));
  await sealAudit(db);
  const anchor = await lastAnchor(db);
  if (anchor === undefined) throw new Error('there is no seal');
  return anchor;
}

/** Creates a ledger with six audit rows, with the ids 1 to 6, in three seals. */
async function sealedLedger(): Promise<TestLedger> {
  const ledger = await ledgerOfThisTest();
  for (let n = 0; n < 3; n++) await sealedChange(ledger);
  return ledger;
}

/** Recomputes the row hashes and all seals, as an owner could who hides a change. */
const REWRITE = `
  do $$ declare s rock_mac.audit_seals; previous bytea := ''; begin
    for s in select * from rock_mac.audit_seals order by seq loop
      s.ids := array(select l.id from rock_mac.audit_log l where l.id = any (s.ids) order by l.id);
      s.row_hashes := array(select rock_mac.audit_row_hash(l) from rock_mac.audit_log l where l.id = any (s.ids) order by l.id);
      previous := rock_mac.seal_hash(previous, s);
      update rock_mac.audit_seals set ids = s.ids, row_hashes = s.row_hashes, hash = previous where seq = s.seq;
    end loop; end $$`;

const sealedIds = async ({ sql }: TestLedger) => {
  const rows = await sql('select i.id::int as id from rock_mac.audit_seals s, unnest(s.ids) i(id) order by 1');
  return rows.map(({ id }) => Number(id));
};
const auditIds = async ({ sql }: TestLedger) => {
  const rows = await sql('select id::int as id from rock_mac.audit_log order by 1');
  return rows.map(({ id }) => Number(id));
};

test('an unchanged ledger keeps its seals, and sealing without new rows writes none', async () => {
  const ledger = await sealedLedger();
  expect(await sealAudit(ledger.db)).toBe(0);
  expect(await ledger.sql('select seq::int, cardinality(ids) as rows from rock_mac.audit_seals order by seq')).toEqual([
    { seq: 1, rows: 2 },
    { seq: 2, rows: 2 },
    { seq: 3, rows: 2 },
  ]);
  expect(await checkLedger(ledger.db)).toEqual([]);
});

test('old rows are sealed in seals of at most 1,000 rows', async () => {
  const ledger = await ledgerOfThisTest();
  await ledger.sql(
    `insert into rock_mac.audit_log (action, pool, "user", actor) select 'note', 'x', 'x', 'x' from generate_series(1, 2500)`,
  );
  expect(await sealAudit(ledger.db)).toBe(2_500);
  expect(await ledger.sql('select cardinality(ids) as rows from rock_mac.audit_seals order by seq')).toEqual([
    { rows: 1_000 },
    { rows: 1_000 },
    { rows: 500 },
  ]);
  expect(await checkLedger(ledger.db)).toEqual([]);
});

test.each([
  [
    'a changed row',
    `update rock_mac.audit_log set "user" = 'mallory', details = jsonb_set(details, '{requester}', '"mallory"') where id = 3`,
    'sealed-rows-unchanged',
    { audit_id: 3, problem: 'changed', seal: 2 },
  ],
  [
    'a changed login',
    `update rock_mac.audit_log set login = 'x' where id = 6`,
    'sealed-rows-unchanged',
    { audit_id: 6, seal: 3 },
  ],
  [
    'a removed row',
    `delete from rock_mac.audit_log where id = 2`,
    'sealed-rows-unchanged',
    { audit_id: 2, problem: 'removed', seal: 1 },
  ],
  [
    'an inserted row',
    `insert into rock_mac.audit_log (id, action, pool, "user", actor) overriding system value values (0, 'note', 'x', 'x', 'x')`,
    'audit-is-sealed',
    { audit_id: 0, problem: 'forged' },
  ],
  [
    'a changed seal',
    `update rock_mac.audit_seals set sealed_at = now() - interval '1 day' where seq = 2`,
    'seals-follow',
    { seal: 2 },
  ],
  ['a removed seal', `delete from rock_mac.audit_seals where seq = 2`, 'seals-follow', { seal: 3, previous_seal: 1 }],
  [
    'a seal with a hash that fits a change',
    `update rock_mac.audit_seals set row_hashes[1] = sha256('x'), hash = sha256('y') where seq = 1`,
    'seals-follow',
    { seal: 1 },
  ],
])('%s is reported, also if the owner did it without triggers', async (_, statement, rule, row) => {
  const ledger = await sealedLedger();
  await ledger.sql(pastTheAudit(statement));
  const finding = (await checkLedger(ledger.db)).find((one) => one.rule === rule);
  expect(finding?.rows[0]).toMatchObject(row);
});

test('only an anchor shows that all seals were rewritten', async () => {
  const ledger = await sealedLedger();
  const anchor = await sealedChange(ledger);
  expect(await compareAnchors(ledger.db, [anchor])).toMatchObject([{ outcome: 'present' }]);
  await ledger.sql(pastTheAudit(`update rock_mac.audit_log set login = 'mallory' where id = 3; ${REWRITE}`));
  expect(await checkLedger(ledger.db)).toEqual([]);
  expect(await compareAnchors(ledger.db, [anchor])).toMatchObject([
    { outcome: 'missing', message: expect.stringContaining('has another hash') as string },
  ]);
});

test('only an anchor shows that the last seals were removed together with their rows', async () => {
  const ledger = await sealedLedger();
  const anchor = await lastAnchor(ledger.db);
  if (anchor === undefined) throw new Error('there is no seal');
  await ledger.sql(
    pastTheAudit(`delete from rock_mac.audit_seals where seq = 3; delete from rock_mac.audit_log where id > 4;
      delete from rock_mac.addresses where holder_key in ('key-${String(keys)}', 'key-${String(keys - 1)}')`),
  );
  expect(await compareAnchors(ledger.db, [anchor])).toMatchObject([
    { outcome: 'missing', message: expect.stringContaining('is not in the ledger') as string },
  ]);
});

test('the hash of a row does not depend on the settings of the session', async () => {
  const ledger = await sealedLedger();
  await ledger.db.transaction(async (transaction) => {
    const run = (text: string) => transaction.query({ text, values: [], row: z.record(z.string(), z.unknown()) });
    await run(`set local timezone = 'Asia/Kathmandu'`);
    await run(`set local datestyle = 'German'`);
    await run(`set local bytea_output = 'escape'`);
    await run(`set local extra_float_digits = -3`);
    expect(
      await run(`select from rock_mac.audit_seals s, unnest(s.ids, s.row_hashes) u(id, hash) join rock_mac.audit_log l using (id)
                 where rock_mac.audit_row_hash(l) <> u.hash`),
    ).toEqual([]);
  });
});

test('a transaction that commits late is sealed later, and no row is missed', async () => {
  const ledger = await sealedLedger();
  const note = `insert into rock_mac.audit_log (action, pool, "user", actor) values ('note', 'x', 'x', 'x') returning id::int as id`;
  const late = await ledger.db.connections.connect();
  await late.query('begin');
  const { rows } = await late.query<{ id: number }>(note);
  const [{ id } = { id: 0 }] = rows;
  for (let n = 0; n < 3; n++) await sealedChange(ledger);
  expect(await sealedIds(ledger)).not.toContain(id);
  const [before] = await ledger.sql('select max(settled)::int as settled from rock_mac.audit_seals');
  expect(before?.['settled']).toBeLessThan(id);
  await late.query('commit');
  late.release();
  expect(await sealAudit(ledger.db)).toBe(1);
  expect(await sealedIds(ledger)).toEqual(await auditIds(ledger));
  expect(await checkLedger(ledger.db)).toEqual([]);
});

test('property: whatever runs at the same time, every row is in exactly one seal', async () => {
  const ledger = await ledgerOfThisTest();
  const step = fc.record({ client: fc.nat(3), does: fc.constantFrom('write', 'write', 'commit', 'roll back', 'seal') });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      const clients = await Promise.all([0, 1, 2, 3].map(() => ledger.db.connections.connect()));
      const open = clients.map(() => false);
      for (const { client: index, does } of steps) {
        const client = clients[index];
        if (does === 'seal' || client === undefined) {
          await sealAudit(ledger.db);
        } else if (does === 'write') {
          if (open[index] !== true) await client.query('begin');
          open[index] = true;
          await client.query(
            `insert into rock_mac.audit_log (action, pool, "user", actor) values ('note', 'x', 'x', 'x')`,
          );
        } else {
          await client.query(does === 'commit' ? 'commit' : 'rollback');
          open[index] = false;
        }
      }
      for (const client of clients) {
        await client.query('commit');
        client.release();
      }
      await Promise.all([sealAudit(ledger.db), sealAudit(ledger.db)]);
      expect(await sealedIds(ledger)).toEqual(await auditIds(ledger));
    }),
    { numRuns: 25 },
  );
  expect(await checkLedger(ledger.db)).toEqual([]);
}, 60_000);

test('what a failover lost differs from tampering', async () => {
  const ledger = await sealedLedger();
  const [known] = [await lastAnchor(ledger.db)];
  const lost = await sealedChange(ledger);
  if (known === undefined) throw new Error('there is no seal');
  // What a standby looks like that was promoted without the last transactions.
  await ledger.sql(
    pastTheAudit(`delete from rock_mac.audit_seals where seq = 4; delete from rock_mac.audit_log where id > 6;
      delete from rock_mac.addresses where holder_key in ('key-${String(keys)}', 'key-${String(keys - 1)}');
      update rock_mac.audit_hours set handed_out = handed_out - 2, held_change = held_change - 2;
      update rock_mac.pools set next_addr = next_addr - 2 where name = 'development'`),
  );
  await ledger.sql(`update rock_mac.ledger_state set timeline = 'before'`);
  expect(await sealAudit(ledger.db)).toBe(0); // the recovery comes first
  await recoverIfNeeded(ledger.db, 'test');
  const after = await sealedChange(ledger);
  expect(after.epoch).toBe(2);
  expect(await compareAnchors(ledger.db, [known, lost, after])).toMatchObject([
    { outcome: 'present' },
    { outcome: 'lost', message: expect.stringContaining('1 seal(s) with up to 2 audit row(s)') as string },
    { outcome: 'present' },
  ]);
  expect(await compareAnchors(ledger.db, [{ ...known, hash: lost.hash }])).toMatchObject([{ outcome: 'missing' }]);
  expect(await checkLedger(ledger.db)).toEqual([]);
});

test('a restored backup keeps its seals, and forks after them', async () => {
  const original = await sealedLedger();
  const known = await lastAnchor(original.db);
  await takeAddress(original, aRequest({ key: 'not sealed yet' }));
  const out = new PassThrough();
  const chunks = out.toArray();
  await backup(original.db, out);
  const lost = await sealedChange(original);
  if (known === undefined) throw new Error('there is no seal');

  const ledger = await ledgerOfThisTest();
  await recover(ledger.db, { expected: 1, lossy: true, actor: 'test' }); // a fork, which is no reason to refuse
  await ledger.sql(pastTheAudit('delete from rock_mac.addresses; delete from rock_mac.audit_log'));
  await restore(ledger.db, Readable.from(z.array(z.instanceof(Buffer)).parse(await chunks)), { actor: 'restore' });
  await approveRecovery(ledger.db);
  await sealedChange(ledger);
  expect(await sealedIds(ledger)).toEqual(await auditIds(ledger));
  expect(await checkLedger(ledger.db)).toEqual([]);
  expect(await compareAnchors(ledger.db, [known, lost])).toMatchObject([{ outcome: 'present' }, { outcome: 'lost' }]);
});

test('the seals are append-only', async () => {
  const ledger = await sealedLedger();
  for (const text of [
    'update rock_mac.audit_seals set epoch = 1',
    'delete from rock_mac.audit_seals',
    'truncate rock_mac.audit_seals',
  ]) {
    await expect(ledger.sql(text)).rejects.toThrow('is never allowed');
  }
});
