import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { bind } from '../../ledger/address/bind.ts';
import { takeConsumer } from '../../ledger/address/consumer.ts';
import { boundKey } from '../../ledger/address/holder-key.ts';
import { keepReserved } from '../../ledger/address/keep-reserved.ts';
import { release } from '../../ledger/address/release.ts';
import { checkLedger, RULES } from '../../ledger/check/check.ts';
import { SCHEMA_OBJECTS, SCHEMA_SETTINGS } from '../../ledger/check/check-schema.ts';
import { openLedger } from '../../ledger/connection/connect.ts';
import { PROGRAM_VERSION } from '../../ledger/migrate.ts';
import { sealAudit } from '../../ledger/seal/seal.ts';
import { markReported, recoverIfNeeded } from '../../ledger/state/recovery.ts';
import { markUnreachable } from '../../ledger/sticky/unreachable.ts';
import { markUnused } from '../../ledger/sticky/unused.ts';
import { assignStock, returnStock } from '../../ledger/stock/leave-stock.ts';
import {
  aPodRequest,
  aRequest,
  aStickyRequest,
  fillAStock,
  freshLedger,
  joinCluster,
  stickyPod,
  takeAddress,
  type TestLedger,
} from './ledger-fixture.ts';

const by = { actor: 'test', reason: 'test' };

/** Creates a ledger with an address in every state. */
async function livelyLedger(): Promise<TestLedger> {
  const ledger = await freshLedger();
  const { db, sql } = ledger;
  await joinCluster(db, 'c1');
  await sql(`update rock_mac.ledger_state set replication_gap = 2`);
  const device = await takeAddress(ledger, aRequest({ key: 'gone', device: { id: 'vm-1' }, metadata: { rack: null } }));
  await takeAddress(ledger, aRequest({ key: 'stays', device: { id: 'vm-2', type: 'qemu-vm' } }));
  await release(db, [device], by);
  const pod = await takeAddress(ledger, aPodRequest('web'));
  const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'web', uid: 'u1', nic: 'eth0' };
  await bind(db, [{ mac: pod.mac, key: pod.key, boundKey: boundKey({ ...owner, mac: pod.mac }), owner }], 'test');
  await takeAddress(ledger, aPodRequest('pending'));
  const claim = { ...owner, kind: 'MacAllocation', name: 'host', uid: 'u2', nic: '' };
  const kept = await takeAddress(
    ledger,
    aRequest({ key: 'claim/1', pool: 'reserved', state: 'reserved', owner: claim }),
  );
  await keepReserved(db, [kept], by);
  await takeAddress(ledger, aRequest({ key: 'claim/2', owner: { ...claim, uid: 'u3' } }));
  const consumer = { claimKey: 'claim/2', key: 'pod-key', kind: 'Pod', name: 'web', nic: 'eth0' };
  await sealAudit(db);
  await takeConsumer(db, [consumer], { actor: 'test', leaseSeconds: 120 });
  await sealAudit(db);
  await sql(`update rock_mac.ledger_state set timeline = 'before'`);
  await recoverIfNeeded(db, 'test');
  await markReported(db, { clusterId: 'c1', epoch: 2 }, 'test');
  await useStock(ledger);
  const sticky = await takeAddress(ledger, aStickyRequest('web-0'));
  await bind(db, [{ ...sticky, boundKey: sticky.key, owner: stickyPod('web-0') }], 'test');
  await markUnreachable(db, { clusterId: 'c1', node: 'worker' }, [sticky], 'test');
  await markUnused(db, [sticky]);
  return ledger;
}

/** Fills a stock of five: one is given to a pod, one is bound without that, one is returned, and two stay. */
async function useStock(ledger: TestLedger): Promise<void> {
  const { db } = ledger;
  const [assigned, seen, unused] = await fillAStock(ledger, { count: 5 });
  if (assigned === undefined || seen === undefined || unused === undefined) throw new Error('there is no stock');
  const owner = { clusterId: 'c1', kind: 'Pod', namespace: 'team', name: 'quick', nic: 'eth0' };
  const assignment = { ...assigned, boundKey: 'named/quick', owner, requester: 'ada', reason: 'stock' };
  await assignStock(db, [assignment], { leaseSeconds: 120, actor: 'webhook' });
  const stored = { ...owner, name: 'stored', uid: 'u4' };
  await bind(
    db,
    [{ ...seen, boundKey: boundKey({ ...stored, mac: seen.mac }), owner: stored, requester: 'ada' }],
    'test',
  );
  await returnStock(db, [unused], { ...by, unused: true });
}

/** Returns the statement to run as a superuser, without triggers. */
const pastTheAudit = (statement: string) => `begin; set local session_replication_role = replica; ${statement}; commit`;

/** Returns the statement to run without triggers and without constraints. */
const shameless = (statement: string) =>
  pastTheAudit(`
  alter table rock_mac.addresses drop constraint if exists addresses_check, drop constraint if exists addresses_check1,
    drop constraint if exists addresses_check2, drop constraint if exists addresses_check3, drop constraint if exists addresses_check4,
    drop constraint if exists addresses_check5, drop constraint if exists addresses_check6, drop constraint if exists addresses_check7,
    drop constraint if exists addresses_check8;
  ${statement}`);

const a = 'rock_mac.addresses';
const p = 'rock_mac.pools';

/** A statement that breaks each rule. It may break further rules too. */
const BREAKS: Readonly<Record<string, string>> = {
  'guards-in-place': `alter table ${a} disable trigger addresses_audit_update`,
  'one-row-per-address': `alter table ${a} drop constraint addresses_pkey; drop index rock_mac.addresses_mac; insert into ${a} select * from ${a} where holder_key = 'gone'`,
  'one-address-per-key': `drop index rock_mac.addresses_holder; update ${a} set holder_key = 'stays' where owner_name = 'web'`,
  'one-claim-per-consumer': `drop index rock_mac.addresses_consumer; update ${a} set consumer_key = 'pod-key' where owner_name = 'web'`,
  'one-state': `delete from rock_mac.ledger_state`,
  'pools-apart': `alter table ${p} drop constraint pools_never_overlap; update ${p} set last = last + 1 where name = 'development'`,
  'prefixes-apart': `alter table rock_mac.prefixes drop constraint prefixes_never_overlap; insert into rock_mac.prefixes (prefix, first, last, kind, added_by)
    select 'a4', rock_mac.to_addr('a4:00:00:00:00:00'), rock_mac.to_addr('a4:ff:ff:ff:ff:ff'), 'ieee', 'x'`,
  'pools-under-prefix': `delete from rock_mac.prefixes`,
  'address-in-its-pool': `update ${a} set pool_id = (select pool_id from ${p} where name = 'docker') where holder_key = 'stays'`,
  'cursor-in-its-pool': `alter table ${p} drop constraint pools_check1; update ${p} set next_addr = last + 7 where name = 'docker'`,
  'no-hole-below-cursor': `delete from ${a} where holder_key = 'stays'`,
  'no-hole-in-draws': `update ${p} set draws = 1 where name = 'docker'`,
  'queue-above-floor': `update ${p} set floor_at = 'infinity' where name = 'development'`,
  'state-and-times-agree': `update ${a} set expires_at = null where state = 'pending'`,
  'observed-is-blocked': `update ${a} set blocked = true where holder_key = 'gone'`,
  'consumer-of-a-claim': `update ${a} set cluster_id = null where consumer_key = 'pod-key'`,
  'owner-is-known': `delete from rock_mac.clusters`,
  'retired-cluster-holds-nothing': `update rock_mac.clusters set retired_at = now()`,
  'clusters-are-not-ahead': `update rock_mac.clusters set reported_epoch = 99`,
  'stock-has-a-holder': `delete from rock_mac.stock_holders`,
  'sticky-belongs-to-a-name': `update ${a} set unreachable_node = 'worker' where owner_name = 'web'`,
  'leases-are-settled': `update ${a} set expires_at = now() - interval '2 hours' where state = 'pending'`,
  'audit-has-the-last-word': `update ${a} set metadata = '{}' where holder_key = 'gone'`,
  'audited-address-exists': `delete from ${a} where holder_key = 'claim/1'`,
  'audit-is-unbroken': `delete from rock_mac.audit_log where action = 'release'; insert into rock_mac.audit_log (action, mac_address, pool, "user", actor, state_before, state, generation)
    select 'allocate', mac_address, pool, 'x', 'x', 'active', 'active', 2 from rock_mac.audit_log where holder_key = 'stays'`,
  'seals-follow': `update rock_mac.audit_seals set sealed_at = sealed_at - interval '1 day' where seq = 1`,
  'sealed-rows-unchanged': `update rock_mac.audit_log set "timestamp" = now() - interval '1 day' where holder_key = 'gone'`,
  'audit-is-sealed': `insert into rock_mac.audit_log (id, action, pool, "user", actor) overriding system value values (-1, 'note', 'x', 'x', 'x')`,
  'hours-add-up': `update rock_mac.audit_hours set released = released + 1`,
};

test('the list of guarding objects matches the migrations', async () => {
  const ledger = await freshLedger();
  const objects = await ledger.db.transaction(async (transaction) => {
    await transaction.query({ text: SCHEMA_SETTINGS, values: [], row: z.object({}) });
    const row = z.object({ object: z.string(), digest: z.string() });
    return transaction.query({ text: SCHEMA_OBJECTS, values: [], row });
  });
  await ledger.close();
  const digests = Object.fromEntries(objects.map(({ object, digest }) => [object, digest] as const).sort());
  expect(objects).toHaveLength(Object.keys(digests).length);
  await expect(`${JSON.stringify(digests, null, 2)}\n`).toMatchFileSnapshot('../../ledger/check/schema-objects.json');
});

test.each([
  ['a dropped unique index', 'drop index rock_mac.addresses_mac', 'index addresses_mac', 'missing'],
  [
    'a dropped constraint',
    `alter table ${a} drop constraint addresses_check4`,
    'constraint addresses.addresses_check4',
    'missing',
  ],
  [
    'a constraint that lets all through',
    `alter table ${p} drop constraint pools_check, add constraint pools_check check (true)`,
    'constraint pools.pools_check',
    'changed',
  ],
  ['a column that may be empty', `alter table ${a} alter actor drop not null`, 'column addresses.actor', 'changed'],
  [
    'a disabled trigger',
    `alter table ${a} disable trigger addresses_name_release`,
    'trigger addresses.addresses_name_release',
    'not in force',
  ],
  ['a dropped trigger', `drop trigger addresses_no_delete on ${a}`, 'trigger addresses.addresses_no_delete', 'missing'],
  [
    'a trigger that never fires',
    `create or replace trigger addresses_no_delete before delete on ${a} for each row when (false) execute function rock_mac.refuse()`,
    'trigger addresses.addresses_no_delete',
    'changed',
  ],
  [
    'a trigger function that does nothing',
    `create or replace function rock_mac.audit_update() returns trigger language plpgsql as 'begin return null; end'`,
    'function audit_update',
    'changed',
  ],
  [
    'a clock that stands still',
    `create or replace function rock_mac.clock() returns timestamptz language sql return now()`,
    'function clock',
    'changed',
  ],
])('%s is reported', async (_, statement, object, problem) => {
  const ledger = await freshLedger();
  await ledger.sql(statement);
  expect(await checkLedger(ledger.db)).toMatchObject([{ rule: 'guards-in-place', rows: [{ object, problem }] }]);
  await ledger.close();
});

test('other owners, other settings and the objects of a newer version are accepted', async () => {
  const ledger = await livelyLedger();
  await ledger.sql(`
    create role check_owner; grant create on schema rock_mac to check_owner;
    alter table ${a} owner to check_owner;
    alter function rock_mac.clock() owner to check_owner;
    alter table ${a} add column shape text, add check (shape <> 'square');
    create index addresses_shape on ${a} (shape)`);
  const settings = encodeURIComponent('-c intervalstyle=iso_8601 -c search_path=rock_mac -c quote_all_identifiers=on');
  const limits = { max: 1, connectTimeoutMs: 5_000, statementTimeoutMs: 10_000 };
  const db = openLedger({ url: `${ledger.url}?options=${settings}`, applicationName: 'other settings', ...limits });
  expect(await checkLedger(db)).toEqual([]);
  await db.close();
  await ledger.sql(`
    insert into rock_mac.schema_version (version, name, min_program) values (${String(PROGRAM_VERSION + 1)}, 'newer', 0);
    create or replace function rock_mac.audit_update() returns trigger language plpgsql as 'begin return null; end'`);
  expect(await checkLedger(ledger.db)).toEqual([]);
  await ledger.sql(`alter table ${a} owner to current_user; alter function rock_mac.clock() owner to current_user;
    drop owned by check_owner; drop role check_owner`);
  await ledger.close();
});

test('another user, or another program, in an audit row is reported', async () => {
  const ledger = await livelyLedger();
  for (const change of [
    `"user" = 'mallory' where action = 'allocate' and holder_key = 'gone'`,
    `actor = 'mallory' where action = 'release' and holder_key = 'gone'`,
  ]) {
    await ledger.sql(pastTheAudit(`update rock_mac.audit_log set ${change}`));
    expect(await checkLedger(ledger.db)).toMatchObject([
      { rule: 'audit-is-unbroken', count: 1 },
      { rule: 'sealed-rows-unchanged', count: 1 },
    ]);
    await ledger.sql(
      pastTheAudit(`update rock_mac.audit_log set "user" = case when action = 'release' then 'test' else 'ada' end, actor = 'test'
      where 'mallory' in ("user", actor)`),
    );
    expect(await checkLedger(ledger.db)).toEqual([]);
  }
  await ledger.close();
});

test('a consumer whose lease is never settled is reported', async () => {
  const ledger = await livelyLedger();
  await ledger.sql(
    pastTheAudit(`update ${a} set consumer_expires_at = now() - interval '2 hours' where consumer_key = 'pod-key'`),
  );
  expect(await checkLedger(ledger.db)).toMatchObject([{ rule: 'leases-are-settled', count: 1 }]);
  await ledger.close();
});

describe('a check of the ledger', () => {
  test('finds nothing in a ledger with normal history', async () => {
    const ledger = await livelyLedger();
    expect(await checkLedger(ledger.db)).toEqual([]);
    await ledger.close();
  });

  test('has a test for every rule', () => {
    expect(Object.keys(BREAKS).sort()).toEqual(RULES.map(({ rule }) => rule).sort());
  });

  test.each(Object.entries(BREAKS))('reports %s when it is broken', async (rule, statement) => {
    const ledger = await livelyLedger();
    await ledger.sql(shameless(statement));
    const finding = (await checkLedger(ledger.db)).find((one) => one.rule === rule);
    expect(finding?.rows.length).toBeGreaterThan(0);
    expect(finding?.count).toBe(finding?.rows.length);
    await ledger.close();
  });
});

test('an unaudited change is reported with the address and its last audit row', async () => {
  const ledger = await livelyLedger();
  await ledger.sql(pastTheAudit(`update ${a} set state = 'reserved', expires_at = null where holder_key = 'stays'`));
  const findings = await checkLedger(ledger.db);
  expect(findings).toMatchObject([
    {
      rule: 'audit-has-the-last-word',
      count: 1,
      rows: [{ mac: 'a4:58:0f:01:00:01', state: 'reserved', audit_state: 'active', holder_key: 'stays' }],
    },
  ]);
  await ledger.close();
});
