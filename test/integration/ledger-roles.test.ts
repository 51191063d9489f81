import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { AddressRef } from '../../ledger/address/address-ref.ts';
import { adopt } from '../../ledger/address/adopt.ts';
import { allocate } from '../../ledger/address/allocate.ts';
import { bind } from '../../ledger/address/bind.ts';
import { takeUnusedClaims } from '../../ledger/address/claim-set.ts';
import { dropConsumer, takeConsumer } from '../../ledger/address/consumer.ts';
import { releaseExpiredDevices } from '../../ledger/address/expired-devices.ts';
import { leave, offer, receive } from '../../ledger/address/handover.ts';
import { keepReserved } from '../../ledger/address/keep-reserved.ts';
import { markMissing } from '../../ledger/address/mark-missing.ts';
import type { Owner } from '../../ledger/address/owner.ts';
import { release, rollBack } from '../../ledger/address/release.ts';
import { releaseExpired } from '../../ledger/address/release-expired.ts';
import { requestRelease } from '../../ledger/address/release-request.ts';
import { renew } from '../../ledger/address/renew.ts';
import { setMetadata } from '../../ledger/address/set-metadata.ts';
import { transfer } from '../../ledger/address/transfer.ts';
import { listAudit } from '../../ledger/audit.ts';
import { checkLedger } from '../../ledger/check/check.ts';
import { isLedgerError } from '../../ledger/errors.ts';
import { limitObservations } from '../../ledger/observation/limit-observations.ts';
import { endObservations } from '../../ledger/observation/observations.ts';
import { observe } from '../../ledger/observation/observe.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { definePool, growPool, limitPool, pausePool, removePool, setPoolStrategy } from '../../ledger/pool/pools.ts';
import { addPrefix, removePrefix } from '../../ledger/pool/prefixes.ts';
import { sealAudit } from '../../ledger/seal/seal.ts';
import { reportClock } from '../../ledger/state/clock.ts';
import { bindLogin, markAdopted, registerCluster, retireCluster } from '../../ledger/state/clusters.ts';
import { showTicket } from '../../ledger/state/identity.ts';
import {
  approveRecovery,
  finishRecovery,
  freeGap,
  markReported,
  recover,
  recoverWithout,
} from '../../ledger/state/recovery.ts';
import { ledgerState } from '../../ledger/state/state.ts';
import { clearUnreachable, markUnreachable } from '../../ledger/sticky/unreachable.ts';
import { markUnused, releaseUnused } from '../../ledger/sticky/unused.ts';
import { assignStock, returnStock } from '../../ledger/stock/leave-stock.ts';
import { checkStock, dropStock, fillStock, setStockAside } from '../../ledger/stock/stock.ts';
import { mac } from '../../mac/mac-address.ts';
import { macPrefix } from '../../mac/mac-range.ts';
import {
  aRequest,
  aStickyRequest,
  aStockHolder,
  fillAStock,
  ledgerOfThisFile,
  stickyPod,
  takeAddress,
} from './ledger-fixture.ts';
import { type Login, loginsOfThisFile } from './ledger-logins.ts';

const ledger = ledgerOfThisFile();
const createLogin = loginsOfThisFile();
const by = { actor: 'test', reason: 'test' };

const ownerOf = (clusterId: string, kind: string, name: string): Owner & { uid: string } => {
  return { clusterId, kind, namespace: 'team', name, uid: `uid of ${name}`, nic: 'eth0' };
};

/** An address that an object of the other cluster uses without owning it. */
const OBSERVED = mac('a4:58:0f:00:00:07');

let ours: Login;
let theirs: Login;
/** A process of the other cluster's webhook. */
const theirHolder = aStockHolder({ clusterId: 'b' });
/** What it has in stock. */
let theirStock: readonly AddressRef[];
/** An address that a machine of the other cluster has left to another one there. */
let theirMachine: AddressRef;
let device: Login;
let admin: Login;
/** Addresses of another cluster and of devices, in every state in which a function could change them. */
const victims: AddressRef[] = [];

/** Everything in the ledger that a caller could have changed. */
async function contents() {
  const tables = [
    'addresses',
    'prefixes',
    'pools',
    'clusters',
    'ledger_state',
    'audit_log',
    'cluster_logins',
    'observations',
    'handovers',
    'pool_limits',
    'release_requests',
    'stock_holders',
  ];
  const all: Record<string, unknown> = {};
  for (const table of tables) all[table] = await ledger.current.sql(`select * from rock_mac.${table} order by 1`);
  return all;
}

/** Returns what came of a call: its outcomes, or the code of its error. */
async function resultOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return await call;
  } catch (error) {
    if (isLedgerError(error)) return error.code;
    throw error;
  }
}

const runs = (db: Login['db'], text: string) => db.query({ text, values: [], row: z.record(z.string(), z.unknown()) });

beforeAll(async () => {
  const { url, db, sql } = ledger.current;
  [ours, theirs] = [await createLogin(url, 'rock_mac_app'), await createLogin(url, 'rock_mac_app')];
  [device, admin] = [await createLogin(url, 'rock_mac_device'), await createLogin(url, 'rock_mac_admin')];
  for (const [login, clusterId] of [
    [ours, 'a'],
    [theirs, 'b'],
  ] as const) {
    expect(await registerCluster(login.db, { clusterId, name: clusterId }, 'test')).toBe('registered');
    expect(await markAdopted(login.db, { clusterId, epoch: 1 }, 'test')).toBe('adopted');
  }
  const sticky = await takeAddress(
    ledger.current,
    aStickyRequest('web-0', { pool: 'development', owner: stickyPod('web-0', 'b') }),
  );
  await bind(db, [{ mac: sticky.mac, key: sticky.key, boundKey: sticky.key, owner: stickyPod('web-0', 'b') }], 'test');
  const claim = (name: string, state: 'active' | 'reserved') =>
    takeAddress(
      ledger.current,
      aRequest({ key: name, state, ttlSeconds: 3_600, owner: ownerOf('b', 'MacAllocation', name) }),
    );
  const { uid: _, ...unseen } = ownerOf('b', 'Pod', 'pending');
  victims.push(
    await takeAddress(ledger.current, aRequest({ key: 'pending', state: 'pending', owner: unseen })),
    await claim('claim', 'active'),
    await claim('used claim', 'active'),
    await claim('reserved', 'reserved'),
    sticky,
    await takeAddress(ledger.current, aRequest({ key: 'device', device: { id: 'vm-1' } })),
    await takeAddress(ledger.current, aRequest({ key: 'kept device', state: 'reserved', device: { id: 'vm-2' } })),
  );
  theirMachine = await takeAddress(
    ledger.current,
    aRequest({ key: 'their machine', owner: ownerOf('b', 'VirtualMachine', 'desk') }),
  );
  const desk = { cluster: 'b', namespace: 'team', name: 'receiver', asked: 'team/receiver' };
  expect(await offer(theirs.db, [{ ...theirMachine, to: desk }])).toEqual([{ outcome: 'offered' }]);
  expect(await leave(theirs.db, [{ ...theirMachine, inUse: true }])).toEqual([{ outcome: 'left' }]);
  theirStock = await fillAStock(theirs, { holder: theirHolder, count: 2 });
  const observed = { mac: OBSERVED, object: ownerOf('b', 'Pod', 'observed'), limited: true };
  expect(await observe(theirs.db, [observed], 'test')).toEqual([{ outcome: 'observed' }]);
  const consumer = { claimKey: 'used claim', key: 'their pod', kind: 'Pod', name: 'p', nic: 'eth0' };
  expect(await takeConsumer(db, [consumer], { actor: 'test' })).toMatchObject([{ outcome: 'taken' }]);
  await sql(
    `update rock_mac.addresses set expires_at = now() - interval '9 minutes' where holder_key in ('pending', 'device')`,
  );
  await markUnreachable(theirs.db, { clusterId: 'b', node: 'worker' }, [sticky], 'test');
  await sql(`update rock_mac.addresses set missing_since = '2026-01-01' where holder_key = $1`, [sticky.key]);
});

const periods = { autoReleaseSeconds: 3_600, reuseDelaySeconds: 60, description: '' };
const docker = { name: 'docker', first: mac('a4:58:0f:04:00:00'), last: mac('a4:58:0f:04:ff:ff'), ...periods };

interface Attack {
  readonly call: (db: Login['db']) => Promise<unknown>;
  /** The distinct outcomes, or the code of the error. */
  readonly wanted: readonly unknown[];
}

/** Every function that the role may run, called as cluster `a` on what belongs to others. */
const ATTACKS: Readonly<Record<string, Attack>> = {
  allocate: {
    wanted: ['not_allowed', 'in_use'],
    call: async (db) => {
      const other = ownerOf('b', 'Pod', 'new');
      const requests = [
        aRequest({ key: 'for them', state: 'pending', owner: other }),
        aRequest({ key: 'a device', device: { id: 'mine' } }),
        ...victims.map(({ key }) => aRequest({ key, state: 'pending', owner: ownerOf('a', 'Pod', 'mine') })),
        ...victims.map(({ mac }) =>
          aRequest({ key: `wanted ${mac}`, requested: mac, state: 'pending', owner: ownerOf('a', 'Pod', 'mine') }),
        ),
      ];
      return allocate(db, 'development', requests, { leaseSeconds: 3_600 });
    },
  },
  bind: {
    wanted: ['unknown'],
    call: (db) =>
      bind(
        db,
        victims.flatMap(({ mac, key }) =>
          ['a', 'b'].map((cluster) => ({
            mac,
            key,
            boundKey: `mine ${key}`,
            owner: ownerOf(cluster, 'Pod', 'pending'),
          })),
        ),
        'test',
      ),
  },
  transfer: {
    wanted: ['unknown'],
    call: (db) => {
      const to = { state: 'active', requester: 'mallory', reason: 'test' } as const;
      const items = victims.flatMap((item) =>
        [{ owner: ownerOf('a', 'MacAllocation', 'mine') }, { owner: ownerOf('b', 'MacAllocation', 'mine') }, {}].map(
          (owner) => ({
            ...{ ...item, ...to, ...owner, newKey: `mine ${item.key}` },
          }),
        ),
      );
      return transfer(db, items, 'test');
    },
  },
  offer_address: {
    wanted: ['unknown'],
    call: (db) => {
      const to = { cluster: 'a', namespace: 'team', name: 'mine', asked: 'a/team/mine' };
      return offer(db, [theirMachine, { ...theirMachine, to }, ...victims.map((item) => ({ ...item, to }))]);
    },
  },
  leave_address: {
    wanted: ['unknown'],
    call: (db) =>
      leave(
        db,
        [theirMachine, ...victims].map((item) => ({ ...item, inUse: true })),
      ),
  },
  receive_address: {
    // In their cluster the receiver is not its own, and to its own cluster nobody has offered anything.
    wanted: ['unknown', 'not_offered'],
    call: (db) => {
      const items = ['b', 'a'].flatMap((cluster) =>
        [theirMachine, ...victims].map((item) => ({
          ...{ ...item, newKey: `mine ${item.key}`, owner: ownerOf(cluster, 'VirtualMachine', 'receiver') },
          ...{ requester: 'mallory', reason: 'test' },
        })),
      );
      return receive(db, items, 'test');
    },
  },
  release: { wanted: ['unknown'], call: (db) => release(db, victims, { ...by, force: true }) },
  roll_back: { wanted: ['unknown'], call: (db) => rollBack(db, victims, by) },
  release_expired: { wanted: ['unknown'], call: (db) => releaseExpired(db, victims, by) },
  keep_reserved: { wanted: ['unknown'], call: (db) => keepReserved(db, victims, by) },
  take_consumer: {
    wanted: ['unknown'],
    call: (db) =>
      takeConsumer(
        db,
        victims.map(({ key }) => ({ claimKey: key, key: `mine ${key}`, kind: 'Pod', name: 'p', nic: 'eth0' })),
        { actor: 'test' },
      ),
  },
  take_unused_claims: {
    wanted: ['LEDGER_NOT_ALLOWED', 'none_unused'],
    call: async (db) => {
      const claimKeys = victims.map(({ key }) => key);
      const wanted = [{ key: 'mine', kind: 'Pod', name: 'p', nic: 'eth0' }];
      const take = (clusterId: string) =>
        takeUnusedClaims(db, wanted, { clusterId, claimKeys }, { leaseSeconds: 3_600, actor: 'test' });
      return [await resultOf(take('b')), await take('a')];
    },
  },
  drop_consumer: {
    wanted: ['not_consumer'],
    call: (db) =>
      dropConsumer(
        db,
        victims.map((item) => ({ mac: item.mac, consumerKey: 'their pod' })),
        by,
      ),
  },
  renew: {
    wanted: ['unknown'],
    call: (db) =>
      renew(
        db,
        victims.map((item) => ({ ...item, ttlSeconds: 86_400 })),
      ),
  },
  set_metadata: {
    wanted: ['unknown'],
    call: async (db) => {
      const descriptions = { before: { metadata: {} }, after: { metadata: { rack: 'a7' } } };
      const result = await setMetadata(
        db,
        victims.map((item) => ({ ...item, ...descriptions })),
        by,
      );
      return result.outcome === 'refused' ? result.items : [result];
    },
  },
  mark_unused: { wanted: ['not_held'], call: (db) => markUnused(db, victims) },
  release_unused: {
    wanted: ['unknown'],
    call: (db) => {
      const missingSince = new Date('2026-01-01');
      return releaseUnused(
        db,
        victims.map((item) => ({ ...item, missingSince })),
        by,
      );
    },
  },
  mark_unreachable: {
    wanted: ['LEDGER_NOT_ALLOWED', 'not_held'],
    call: async (db) => {
      const mark = (clusterId: string) => markUnreachable(db, { clusterId, node: 'mine' }, victims, 'test');
      return [await resultOf(mark('b')), ...(await mark('a')).map(({ outcome }) => outcome)];
    },
  },
  clear_unreachable: {
    wanted: ['LEDGER_NOT_ALLOWED', 0],
    call: async (db) => {
      const clear = (clusterId: string) => clearUnreachable(db, { clusterId, node: 'worker' }, victims, by);
      return [await resultOf(clear('b')), (await clear('a')).length];
    },
  },
  adopt: {
    wanted: ['conflict', 'not_registered'],
    call: (db) =>
      adopt(
        db,
        victims.flatMap(({ mac }) =>
          ['a', 'b'].map((cluster) => ({
            ...{ mac, key: `mine ${mac}`, owner: ownerOf(cluster, 'Pod', 'mine'), requester: 'mallory' },
          })),
        ),
        'test',
      ),
  },
  observe: {
    wanted: ['not_registered'],
    call: (db) =>
      observe(
        db,
        victims.map(({ mac }) => ({ mac, object: ownerOf('b', 'Pod', 'stray'), limited: false })),
        'test',
      ),
  },
  limit_observations: {
    wanted: ['LEDGER_NOT_ALLOWED'],
    call: (db) => limitObservations(db, { clusterId: 'b', pools: [] }),
  },
  end_observations: {
    wanted: [0],
    call: (db) => endObservations(db, [{ mac: OBSERVED, object: ownerOf('b', 'Pod', 'observed') }]),
  },
  mark_missing: {
    wanted: ['LEDGER_NOT_ALLOWED'],
    call: (db) => markMissing(db, { clusterId: 'b', startedAt: new Date(), seen: [] }),
  },
  register_cluster: {
    wanted: ['LEDGER_NOT_ALLOWED'],
    call: (db) => registerCluster(db, { clusterId: 'b', name: 'mine' }, 'test'),
  },
  mark_adopted: { wanted: ['LEDGER_NOT_ALLOWED'], call: (db) => markAdopted(db, { clusterId: 'b', epoch: 1 }, 'test') },
  mark_reported: {
    wanted: ['LEDGER_NOT_ALLOWED'],
    call: (db) => markReported(db, { clusterId: 'b', epoch: 1 }, 'test'),
  },
  request_release: { wanted: [undefined], call: (db) => requestRelease(db, { key: 'claim', username: 'mallory' }) },
  define_pool: {
    wanted: ['conflict'],
    call: async (db) => [
      await definePool(db, { ...docker, reuseDelaySeconds: 3_600 }, 'test'),
      await definePool(db, docker, 'test'),
    ],
  },
  grow_pool: { wanted: ['not_allowed'], call: (db) => growPool(db, 'docker', mac('a4:58:0f:05:00:ff'), 'test') },
  pause_pool: { wanted: ['not_allowed'], call: (db) => pausePool(db, 'docker', true, 'test') },
  set_pool_strategy: { wanted: ['not_allowed'], call: (db) => setPoolStrategy(db, 'docker', 'random', 'test') },
  limit_pool: {
    wanted: ['LEDGER_NOT_ALLOWED'],
    call: (db) => limitPool(db, { clusterId: 'b', pool: 'docker' }, 1),
  },
  remove_pool: { wanted: ['not_allowed'], call: (db) => removePool(db, 'docker', 'test') },
  free_gap: { wanted: ['LEDGER_NOT_ALLOWED'], call: (db) => freeGap(db, { pool: 'docker', actor: 'test' }) },
  show_ticket: {
    wanted: ['LEDGER_NOT_ALLOWED'],
    call: (db) => showTicket(db, { clusterId: 'b', next: 'mine' }, 'test'),
  },
  report_clock: {
    wanted: ['LEDGER_NOT_ALLOWED'],
    call: async (db) => [
      await resultOf(reportClock(db, { clusterId: 'b', name: 'mine' }, new Date(0))),
      await resultOf(reportClock(db, { name: 'mine' }, new Date(0))),
    ],
  },
  fill_stock: {
    wanted: ['LEDGER_NOT_ALLOWED', 0],
    call: async (db) => {
      const request = { pool: 'kubernetes', count: 1, fillId: 'mine', ticket: undefined, actor: 'test' };
      const asOurs = await fillStock(db, { ...theirHolder, clusterId: 'a' }, request);
      return [await resultOf(fillStock(db, theirHolder, request)), asOurs.length];
    },
  },
  check_stock: {
    wanted: ['LEDGER_NOT_ALLOWED', 0],
    call: async (db) => {
      const asOurs = await checkStock(db, { ...theirHolder, clusterId: 'a' }, undefined);
      return [await resultOf(checkStock(db, theirHolder, undefined)), asOurs.length];
    },
  },
  // The ledger is open, so nothing is renewed, and nothing is set aside.
  renew_in_recovery: { wanted: [undefined], call: (db) => finishRecovery(db, 'test') },
  set_stock_aside: { wanted: [undefined], call: (db) => setStockAside(db, 'test') },
  drop_stock: {
    wanted: ['LEDGER_NOT_ALLOWED', undefined],
    call: async (db) => {
      const asOurs = await resultOf(dropStock(db, { ...theirHolder, clusterId: 'a' }, 1));
      return [await resultOf(dropStock(db, theirHolder, 1)), asOurs];
    },
  },
  assign_stock: {
    wanted: ['LEDGER_NOT_ALLOWED', 'not_stocked'],
    call: async (db) => {
      const assign = (cluster: string) => {
        const owner = ownerOf(cluster, 'Pod', 'mine');
        const answers = theirStock.map((item) => ({
          ...{ ...item, boundKey: `mine ${item.key}`, owner },
          ...{ requester: 'mallory', reason: 'test' },
        }));
        return assignStock(db, answers, { leaseSeconds: 3_600, actor: 'test' });
      };
      return [await resultOf(assign('b')), ...(await assign('a')).map(({ outcome }) => outcome)];
    },
  },
  return_stock: { wanted: ['not_stocked'], call: (db) => returnStock(db, theirStock, { ...by, unused: true }) },
  seal: {
    wanted: [0],
    call: async (db) => {
      await sealAudit(db);
      return sealAudit(db);
    },
  },
  recover: {
    wanted: [1, 'BAD_REQUEST'],
    call: async (db) => [
      await recover(db, { expected: 1, actor: 'test' }),
      await resultOf(recover(db, { expected: 1, lossy: true, above: 2 ** 50, actor: 'test' })),
    ],
  },
};

const hasOutcome = z.object({ outcome: z.string() });

const FUNCTIONS = `select distinct p.proname as name from pg_proc p where p.pronamespace = 'rock_mac'::regnamespace and p.prokind = 'f'`;

describe('a login of a cluster', () => {
  test.each(Object.entries(ATTACKS))(
    'changes nothing of other clusters and of devices with %s',
    async (_, { call, wanted }) => {
      const before = await contents();
      const result = await resultOf(call(ours.db));
      const all = Array.isArray(result) ? (result as unknown[]) : [result];
      const outcomes = all.map((each) => hasOutcome.safeParse(each).data?.outcome ?? each);
      expect([...new Set(outcomes)]).toEqual(wanted);
      expect(await contents()).toEqual(before);
    },
  );

  test('may run these functions and twelve that only read', async () => {
    const rows = await ledger.current.sql(`${FUNCTIONS} and has_function_privilege('rock_mac_app', p.oid, 'execute')`);
    const reads = [
      'address_at',
      'audit_row_hash',
      'clock',
      'cursor_of',
      'expiry_held',
      'is_set_aside',
      'is_sticky',
      'metadata_terms',
      'not_open',
      'seal_hash',
      'to_addr',
      'to_mac',
    ];
    expect(rows.map(({ name }) => String(name)).sort()).toEqual([...Object.keys(ATTACKS), ...reads].sort());
  });

  test('runs no other function', async () => {
    const rows = await ledger.current.sql(
      `select p.oid::regprocedure::text as call, p.pronargs::int as arguments from pg_proc p where p.pronamespace = 'rock_mac'::regnamespace
         and p.prorettype <> 'trigger'::regtype and not has_function_privilege('rock_mac_app', p.oid, 'execute')`,
    );
    expect(rows.length).toBeGreaterThan(12);
    for (const { call, arguments: count } of rows) {
      const name = String(call).split('(')[0] ?? '';
      const nulls = Array.from({ length: Number(count) }, () => 'null').join(', ');
      expect(await resultOf(runs(ours.db, `select ${name}(${nulls})`)), String(call)).toBe('LEDGER_NOT_ALLOWED');
    }
  });

  test('runs functions of the owner only with a search path that it cannot change', async () => {
    const rows = await ledger.current.sql(
      `select p.proname from pg_proc p where p.pronamespace = 'rock_mac'::regnamespace and p.prosecdef
         and 'search_path=rock_mac, pg_temp' <> all (p.proconfig)`,
    );
    expect(rows).toEqual([]);
  });

  test('writes no table, whether by INSERT, UPDATE, DELETE or TRUNCATE', async () => {
    const tables = await ledger.current.sql(
      `select oid::regclass::text as name, (select attname from pg_attribute where attrelid = c.oid and attnum > 0 and attidentity = '' order by attnum limit 1) as column
       from pg_class c where relnamespace = 'rock_mac'::regnamespace and relkind = 'r'`,
    );
    expect(tables.length).toBeGreaterThan(7);
    for (const { name, column } of tables) {
      for (const statement of [
        `insert into ${String(name)} default values`,
        `update ${String(name)} set ${String(column)} = ${String(column)}`,
        `delete from ${String(name)}`,
        `truncate ${String(name)}`,
        `select * from ${String(name)} for update`,
      ]) {
        expect(await resultOf(runs(ours.db, statement)), statement).toBe('LEDGER_NOT_ALLOWED');
      }
    }
  });

  test.each([
    'create table rock_mac.mine (x int)',
    `create function rock_mac.clock() returns timestamptz language sql return now()`,
    `create or replace function rock_mac.to_mac(bigint) returns macaddr language sql return null`,
    'alter table rock_mac.audit_log disable trigger user',
    'drop trigger addresses_no_delete on rock_mac.addresses',
    'create schema mine',
    'select * from rock_mac.cluster_logins',
    'select * from rock_mac.release_requests',
    'set role env',
    'set role rock_mac_admin',
    'set session authorization env',
    `update rock_mac.audit_log set "user" = 'mallory'`,
    `update rock_mac.addresses set requester = 'mallory'`,
    `insert into rock_mac.cluster_logins (login, cluster_id) values ('x', 'b')`,
    `select pg_read_file('/etc/hostname')`,
  ])('may not: %s', async (statement) => {
    expect(await resultOf(runs(ours.db, statement))).toBe('LEDGER_NOT_ALLOWED');
  });

  test('is not misled by an object of its own that shadows a name', async () => {
    const before = await contents();
    const [first] = victims;
    if (first === undefined) throw new Error('there is no victim');
    await ours.db.transaction(async (transaction) => {
      for (const text of [
        `create temporary table addresses as select * from rock_mac.addresses`,
        `create temporary table cluster_logins as select session_user::text as login, 'b'::text as cluster_id`,
        `set local search_path = pg_temp, rock_mac`,
      ])
        await transaction.query({ text, values: [], row: z.unknown() });
      expect(await release(transaction, victims, by)).toEqual(victims.map(() => ({ outcome: 'unknown' })));
    });
    expect(await contents()).toEqual(before);
  });

  test('does everything with the addresses of its own cluster', async () => {
    const { db } = ours;
    const { uid: _, ...unseen } = ownerOf('a', 'Pod', 'web');
    const request = aRequest({ key: 'ours', pool: 'docker', state: 'pending', owner: unseen });
    const [made] = await allocate(db, 'docker', [request], { leaseSeconds: 60 });
    if (made?.outcome !== 'allocated') throw new Error(JSON.stringify(made));
    expect(await allocate(db, 'docker', [request], { leaseSeconds: 60 })).toMatchObject([{ outcome: 'replayed' }]);
    const seen = { mac: made.mac, key: 'ours', boundKey: 'ours, seen', owner: ownerOf('a', 'Pod', 'web') };
    expect(await bind(db, [seen], 'test')).toMatchObject([{ outcome: 'bound' }]);
    expect(await release(db, [{ mac: made.mac, generation: 1, key: 'ours, seen' }], by)).toEqual([
      { outcome: 'released' },
    ]);

    const claim = aRequest({
      ...{ key: 'our claim', pool: 'docker', state: 'reserved' as const, owner: ownerOf('a', 'MacAllocation', 'c') },
    });
    const [reserved] = await allocate(db, 'docker', [claim], { leaseSeconds: 60 });
    if (reserved?.outcome !== 'allocated') throw new Error(JSON.stringify(reserved));
    const pod = { claimKey: 'our claim', key: 'our pod', kind: 'Pod', name: 'p', nic: 'eth0' };
    expect(await takeConsumer(db, [pod], { actor: 'test' })).toMatchObject([{ outcome: 'taken' }]);
    expect(await dropConsumer(db, [{ mac: reserved.mac, consumerKey: 'our pod' }], by)).toEqual([
      { outcome: 'dropped' },
    ]);
    await requestRelease(db, { key: 'our claim', username: 'ada' });
    const item = { mac: reserved.mac, generation: reserved.generation, key: 'our claim' };
    expect(await keepReserved(db, [item], by)).toEqual([{ outcome: 'kept' }]);
    expect(await release(db, [item], { ...by, force: true })).toEqual([{ outcome: 'released' }]);
    const [entry] = await listAudit(db, { mac: reserved.mac, limit: 1 });
    expect(entry).toMatchObject({ action: 'release', login: ours.name, reason: 'test, requested by ada' });

    expect(await poolStats(db)).toHaveLength(7);
    expect((await ledgerState(db)).closed).toBeUndefined();
  });

  test('defines a pool, and changes only those that it defined', async () => {
    const pool = { name: 'ours', first: mac('a4:58:0f:20:00:00'), last: mac('a4:58:0f:20:00:ff'), ...periods };
    expect(await definePool(ours.db, pool, 'test')).toBe('defined');
    expect(await definePool(theirs.db, pool, 'test')).toBe('unchanged');
    for (const change of [
      growPool(theirs.db, 'ours', mac('a4:58:0f:20:01:ff'), 'test'),
      pausePool(theirs.db, 'ours', true, 'test'),
      removePool(theirs.db, 'ours', 'test'),
    ])
      expect(await change).toBe('not_allowed');
    expect(await growPool(ours.db, 'ours', mac('a4:58:0f:20:01:ff'), 'test')).toBe('grown');
    expect(await pausePool(ours.db, 'ours', true, 'test')).toBe('paused');
    expect(await removePool(ours.db, 'ours', 'test')).toBe('removed');
  });

  test('registers one cluster, and gets a known cluster only from an admin', async () => {
    expect(await resultOf(registerCluster(ours.db, { clusterId: 'a2', name: 'a2' }, 'test'))).toBe(
      'LEDGER_NOT_ALLOWED',
    );
    const second = await createLogin(ledger.current.url, 'rock_mac_app');
    const request = aRequest({ key: 'second', state: 'pending', owner: ownerOf('a', 'Pod', 'second') });
    const tries = () => allocate(second.db, 'docker', [request], { leaseSeconds: 60 });
    expect(await tries()).toEqual([{ outcome: 'not_adopted' }]);
    expect(await registerCluster(second.db, { clusterId: 'a', name: 'a' }, 'test')).toBe('not_bound');
    expect(await tries()).toEqual([{ outcome: 'not_adopted' }]);
    expect(await bindLogin(admin.db, { login: second.name, clusterId: 'a' })).toBe('bound');
    expect(await registerCluster(second.db, { clusterId: 'a', name: 'a' }, 'test')).toBe('known');
    expect(await tries()).toMatchObject([{ outcome: 'allocated' }]);
  });
});

describe('a login of devices', () => {
  test('allocates, renews, describes, hands over and releases for devices only', async () => {
    const { db } = device;
    const request = aRequest({ key: 'box', pool: 'docker', device: { id: 'box' } });
    const [made] = await allocate(db, 'docker', [request], { leaseSeconds: 60 });
    if (made?.outcome !== 'allocated') throw new Error(JSON.stringify(made));
    const item = { mac: made.mac, generation: made.generation, key: 'box' };
    expect(await renew(db, [item])).toMatchObject([{ outcome: 'renewed' }]);
    const descriptions = { before: { metadata: {} }, after: { metadata: { rack: 'a7' } } };
    expect(await setMetadata(db, [{ ...item, ...descriptions }], by)).toEqual({ outcome: 'set' });
    const to = { newKey: 'box 2', state: 'active', requester: 'ada', reason: 'test' } as const;
    expect(await transfer(db, [{ ...item, ...to }], 'test')).toMatchObject([{ outcome: 'transferred' }]);
    const stolen = victims.slice(0, 5).map((victim) => ({ ...victim, ...to, newKey: `mine ${victim.key}` }));
    expect(await transfer(db, stolen, 'test')).toEqual(stolen.map(() => ({ outcome: 'unknown' })));
    const moved = { ...item, generation: item.generation + 1, key: 'box 2' };
    expect(await release(db, [moved], by)).toEqual([{ outcome: 'released' }]);
    const forCluster = aRequest({ key: 'pod', pool: 'docker', owner: ownerOf('a', 'Pod', 'p') });
    expect(await allocate(db, 'docker', [forCluster], { leaseSeconds: 60 })).toEqual([{ outcome: 'not_allowed' }]);
  });

  test('forces no release, and reaches no address of a cluster', async () => {
    const outcomes = await release(device.db, victims, { ...by, force: true });
    const [wanted] = [['unknown', 'unknown', 'unknown', 'unknown', 'unknown', 'released', 'needs_force']];
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(wanted);
    expect(await resultOf(retireCluster(device.db, 'b', 'test'))).toBe('LEDGER_NOT_ALLOWED');
  });

  test('releases expired devices', async () => {
    await takeAddress(ledger.current, aRequest({ key: 'old', pool: 'vultr', device: { id: 'old' } }));
    await ledger.current.sql(
      `update rock_mac.addresses set expires_at = now() - interval '1 hour' where holder_key = 'old'`,
    );
    const options = { pool: 'vultr', graceSeconds: 0, limit: 10, actor: 'test' };
    expect(await releaseExpiredDevices(device.db, options)).toHaveLength(1);
  });
});

test('only owner and admins run what concerns all clusters', async () => {
  expect(await resultOf(recoverWithout(ours.db, 'b', 'test'))).toBe('LEDGER_NOT_ALLOWED');
  expect(await resultOf(approveRecovery(ours.db))).toBe('LEDGER_NOT_ALLOWED');
  expect(await resultOf(bindLogin(ours.db, { login: ours.name, clusterId: 'b' }))).toBe('LEDGER_NOT_ALLOWED');
  for (const login of [ours, device]) {
    expect(await resultOf(addPrefix(login.db, { prefix: macPrefix('02') }, 'test'))).toBe('LEDGER_NOT_ALLOWED');
    expect(await resultOf(removePrefix(login.db, macPrefix('a4:58:0f'), 'test'))).toBe('LEDGER_NOT_ALLOWED');
  }
  expect(await addPrefix(admin.db, { prefix: macPrefix('02') }, 'test')).toEqual({ outcome: 'added' });
  expect(await removePrefix(admin.db, macPrefix('02'), 'test')).toEqual({ outcome: 'removed' });
  expect(await pausePool(admin.db, 'experiment', true, 'test')).toBe('paused');
  expect(await release(admin.db, victims.slice(-1), { ...by, force: true })).toEqual([{ outcome: 'released' }]);
});

test("a cluster's word that the ledger lost allocations closes it once, and uses up no addresses before an admin approves", async () => {
  const rowsOf = async (condition: string) =>
    (await ledger.current.sql(`select from rock_mac.addresses where ${condition}`)).length;
  const orphans = () => rowsOf("state = 'orphaned' and owner_kind is distinct from 'Webhook'");
  const stocked = await rowsOf("state = 'stocked'");
  const claimLoss = async () => {
    const { epoch } = await ledgerState(ours.db);
    return recover(ours.db, { expected: epoch, lossy: true, actor: 'test' });
  };
  expect(await claimLoss()).toBe(2);
  for (let n = 0; n < 3; n++) expect(await claimLoss()).toBe(2);
  expect(await orphans()).toBe(0);
  expect(await rowsOf("state = 'stocked'")).toBe(stocked);
  expect(await ledgerState(ours.db)).toMatchObject({ needsApproval: true, closed: { why: 'recovering' } });
  for (const [login, clusterId] of [
    [ours, 'a'],
    [theirs, 'b'],
  ] as const)
    expect(await markReported(login.db, { clusterId, epoch: 2 }, 'test')).toBe('recovering');
  expect(await approveRecovery(admin.db)).toBe('open');
  expect(await orphans()).toBe(7 * 1_024);
  expect(await rowsOf("state = 'stocked'")).toBe(0);
});

test('the audit names the login of every change, and the ledger is sound', async () => {
  const logins = await ledger.current.sql(`select distinct login from rock_mac.audit_log`);
  expect(logins.map(({ login }) => login)).toEqual(expect.arrayContaining([ours.name, device.name, admin.name, 'env']));
  expect(await checkLedger(ledger.current.db)).toEqual([]);
});
