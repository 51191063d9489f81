/** A deliberate bug in the ledger, and the test that must detect it. */
export interface Mutant {
  readonly name: string;
  /** Path of the changed file, from the root of the project. */
  readonly file: string;
  /** `find` is searched after this text. Default: from the beginning. */
  readonly after?: string;
  readonly find: string;
  readonly replace: string;
  /** The test file, and the beginning of the full name of the test that must fail. */
  readonly caughtBy: readonly [file: string, test: string];
}

const tables = 'ledger/migrations/0001-tables.sql';
const guards = 'ledger/migrations/0003-guards.sql';
const allocate = 'ledger/migrations/0004-allocate.sql';
const binding = 'ledger/migrations/0005-bind.sql';
const releasing = 'ledger/migrations/0006-release.sql';
const consumers = 'ledger/migrations/0007-consumers.sql';
const missing = 'ledger/migrations/0009-missing.sql';
const clusters = 'ledger/migrations/0012-clusters.sql';
const recovery = 'ledger/migrations/0013-recovery.sql';
const stock = 'ledger/migrations/0020-stock.sql';
const sticky = 'ledger/migrations/0021-sticky.sql';
const transfers = 'ledger/migrations/0023-transfer.sql';
const claimSets = 'ledger/migrations/0022-claim-sets.sql';

const race = (test: string) => ['ledger-race', test] as const;
const allocating = (test: string) => ['ledger-allocate', test] as const;
const holding = (test: string) => ['ledger-holders', test] as const;
const selecting = (test: string) => ['ledger-claim-sets', test] as const;
const stocking = (test: string) => ['ledger-stock', test] as const;
const sticking = (test: string) => ['ledger-sticky', test] as const;
const stickyRace = (test: string) => ['ledger-sticky-race', test] as const;
const handingOver = (test: string) => ['ledger-transfer', test] as const;
const receiving = (test: string) => ['ledger-handover', test] as const;
const connecting = (test: string) => ['ledger-connect', test] as const;

/** An earlier version as one statement, which sees the ledger as it was before the wait for the lock. */
const SINGLE_STATEMENT = `
create or replace function rock_mac.allocate(p_pool text, p_requests jsonb, p_lease interval)
returns table (ord int, outcome text, addr bigint, generation bigint, state text, expires_at timestamptz, holder jsonb, until timestamptz,
               pool text, node text)
language sql volatile set search_path = rock_mac, pg_temp as $$
  with p as materialized (select * from pools where name = p_pool for no key update),
  r as (select r.*, row_number() over (order by r.ord) as nth from jsonb_populate_recordset(null::item, p_requests) r),
  free as (select g.g, row_number() over (order by g.g) as nth from p, generate_series(p.first, p.first + 999) g
           where not exists (select 1 from addresses a where a.addr = g.g) limit 64),
  made as (insert into addresses (addr, pool_id, state, origin, holder_key, allocated_at, changed_at, requester, actor)
           select coalesce(r.addr, f.g), p.pool_id, 'active', 'allocate', r.key, clock(), clock(), r.requester, r.actor
           from p, r join free f using (nth) returning *)
  select r.ord, 'allocated', m.addr, m.generation, m.state, m.expires_at, null::jsonb, null::timestamptz, p_pool, null::text
  from r join made m on m.holder_key = r.key $$;
`;

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'no unique index on holder keys',
    file: tables,
    find: 'create unique index addresses_holder',
    replace: 'create index addresses_holder',
    caughtBy: race('the same key requested in two pools at once'),
  },
  {
    name: 'no unique index on consumers',
    file: tables,
    find: 'create unique index addresses_consumer',
    replace: 'create index addresses_consumer',
    caughtBy: race('one pod that takes two claims at once'),
  },
  {
    name: 'allocate in a single statement',
    file: recovery,
    find: '-- After a failover',
    replace: `${SINGLE_STATEMENT}\n-- After a failover`,
    caughtBy: race('groups from many connections'),
  },
  {
    name: 'no pool lock',
    file: allocate,
    find: 'where name = p_pool for no key update;',
    replace: 'where name = p_pool;',
    caughtBy: race('groups from many connections'),
  },
  {
    name: 'a replay does not renew the lease',
    file: allocate,
    find: 'where a.holder_key = r.key and a.holder_key = any (replay)',
    replace: 'where false',
    caughtBy: allocating('the same key gets the same address again'),
  },
  {
    name: 'no check that a cluster was adopted',
    file: allocate,
    after: 'Before its initial sync',
    find: 'c.adopted_at is not null and c.retired_at is null',
    replace: 'true',
    caughtBy: allocating('a request is refused, and its neighbours are not, when its cluster'),
  },
  {
    name: 'commits follow the settings of the session',
    file: guards,
    find: "perform set_config('synchronous_commit', 'on', true);",
    replace: 'null;',
    caughtBy: race('an acknowledged change is on disk'),
  },
  {
    name: 'a failover is not detected',
    file: guards,
    find: "if s.timeline <> current_timeline() then return 'timeline_changed'; end if;",
    replace: '',
    caughtBy: holding('after a failover nothing is handed out'),
  },
  {
    name: 'release without comparing the generation',
    file: releasing,
    after: 'create function rock_mac.release(',
    find: 'a.generation = r.generation and a.holder_key = r.key',
    replace: 'a.holder_key = r.key',
    caughtBy: holding('releasing compares address, generation and key'),
  },
  {
    name: 'release without comparing the key',
    file: releasing,
    after: 'create function rock_mac.release(',
    find: 'a.generation = r.generation and a.holder_key = r.key',
    replace: 'a.generation = r.generation',
    caughtBy: holding('releasing compares address, generation and key'),
  },
  {
    name: 'a renewed lease is released',
    file: releasing,
    after: 'create function rock_mac.release_expired(',
    find: 'and a.expires_at < clock() and held is null',
    replace: 'and held is null',
    caughtBy: holding('an expired lease releases its address only if'),
  },
  {
    name: 'binding without comparing the key',
    file: binding,
    find: ' and a.holder_key = r.key',
    replace: '',
    caughtBy: holding('binding restores an address'),
  },
  {
    name: 'a claim goes to its last requester',
    file: consumers,
    after: 'create function rock_mac.take_consumer(',
    find: 'and (a.consumer_key is not distinct from r.expected or a.consumer_key = r.consumer)',
    replace: '',
    caughtBy: holding('a claim has one consumer'),
  },
  {
    name: 'a consumer with a renewed lease is dropped',
    file: consumers,
    find: 'and (a.consumer_expires_at is null or (a.consumer_expires_at < clock() and (select expiry_held()) is null))',
    replace: '',
    caughtBy: holding('a claim has one consumer'),
  },
  {
    name: 'a retired cluster binds',
    file: binding,
    find: 'where c.cluster_id = r.cluster and c.retired_at is null)\n    and not exists',
    replace: 'where c.cluster_id = r.cluster)\n    and not exists',
    caughtBy: holding('retiring a cluster is final'),
  },
  {
    name: 'rows are locked in any order',
    file: guards,
    after: 'create function rock_mac.lock_addresses(',
    find: 'order by a.addr for update);',
    replace: 'order by random() for update);',
    caughtBy: race('binding the same pods from many connections'),
  },
  {
    name: 'retiring a cluster does not wait for a binding',
    file: binding,
    find: ' for key share;',
    replace: ';',
    caughtBy: race('a cluster that is retired while binding'),
  },
  {
    name: 'a recovery orphans an address that is bound at that moment',
    file: recovery,
    find: "where a.state = 'released'                             -- checked again",
    replace: 'where true -- checked again',
    caughtBy: race('a recovery sets no address aside'),
  },
  {
    name: 'force releases an address with a consumer',
    file: releasing,
    after: 'create function rock_mac.release(',
    find: 'and not exists (select 1 from clusters c where c.cluster_id = a.cluster_id and c.retired_at is null)',
    replace: '',
    caughtBy: race('a claim that a pod takes during its deletion'),
  },
  {
    name: 'devices expire before the recovery',
    file: releasing,
    find: 'and (select not_open()) is null',
    replace: '',
    caughtBy: holding('after a failover no device expires'),
  },
  {
    name: 'a cluster changes the addresses of others',
    file: guards,
    find: 'and (me.everything or a.cluster_id is not distinct from me.cluster)',
    replace: '',
    caughtBy: ['ledger-roles', 'a login of a cluster changes nothing of other clusters and of devices with'],
  },
  {
    name: 'a cluster renews the lease of others by their key',
    file: allocate,
    find: 'a.cluster_id is distinct from r.cluster);',
    replace: 'false);',
    caughtBy: ['ledger-roles', 'a login of a cluster changes nothing of other clusters and of devices with'],
  },
  {
    name: 'a resync marks rows that changed after it began',
    file: missing,
    after: 'create function rock_mac.mark_missing(',
    find: 'and a.changed_at < p_started',
    replace: '',
    caughtBy: holding('a resync over all objects marks'),
  },
  {
    name: 'a cluster is retired beside an allocation',
    file: clusters,
    after: 'create function rock_mac.retire_cluster(',
    find: 'perform 1 from pools order by pool_id for no key update;',
    replace: 'null;',
    caughtBy: race('a cluster that is retired during an allocation'),
  },
  {
    name: 'an initial sync counts after a failover',
    file: clusters,
    find: "if s.epoch <> p_epoch then return 'wrong_epoch'; end if;",
    replace: '',
    caughtBy: holding('after a failover a cluster that finished its initial sync'),
  },
  {
    name: 'only the first stored head counts',
    file: 'ledger/state/ledger-head.ts',
    find: '> began.coveredLosses ?',
    replace: '> Infinity ?',
    caughtBy: holding('after a failover two operators with different heads'),
  },
  {
    name: 'a follower of the audit skips an uncommitted entry',
    file: 'ledger/follow-audit.ts',
    find: 'recent.id > recent.previous + 1',
    replace: 'false',
    caughtBy: ['ledger-lists', 'the audit leaves out no entry for a follower'],
  },
  {
    name: 'a release reads the whole table',
    file: releasing,
    after: 'create function rock_mac.release(',
    find: 'left join addresses a on a.addr = r.addr and a.addr = any (addrs)',
    replace: 'left join addresses a on a.addr = r.addr',
    caughtBy: ['ledger-plans', 'a connection that planned its statements on a small ledger'],
  },
  {
    name: 'a lost result is not requested again',
    file: 'ledger/address/allocator.ts',
    find: 'isLedgerError(result) ? result.retryable :',
    replace: 'isLedgerError(result) ? false :',
    caughtBy: connecting('the allocator retries with the same key'),
  },
  {
    name: 'a connection with an unread result is used again',
    file: 'ledger/connection/connect.ts',
    find: 'client.release(!healthy);',
    replace: 'client.release();',
    caughtBy: connecting('a connection on which a statement timed out'),
  },
  {
    name: 'a backup is not a snapshot',
    file: 'ledger/connection/snapshot.ts',
    find: 'isolation level repeatable read, read only',
    replace: 'isolation level read committed',
    caughtBy: ['ledger-backup', 'a backup file is readable by its owner only'],
  },
  {
    name: 'an import keeps the floor of the queues',
    file: 'ledger/import/import-sqlite.ts',
    find: "set floor_at = '-infinity', floor_addr = 0",
    replace: 'set floor_addr = floor_addr',
    caughtBy: ['ledger-import', "importing the predecessor's file puts released addresses before"],
  },
  {
    name: 'concurrent migrators do not wait',
    file: 'ledger/migrate.ts',
    after: 'async function apply(',
    find: "await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);",
    replace: '',
    caughtBy: connecting('migrating runs each file once'),
  },
  {
    name: 'a recovery sets the cursor of a random pool aside, not its draws',
    file: recovery,
    find: "if p.strategy = 'random' then",
    replace: 'if false then',
    caughtBy: ['ledger-gap', 'what a '],
  },
  {
    name: 'a random pool that is used up goes on drawing',
    file: allocate,
    find: 'p.next_addr > p.last or p.first + p.draws > p.last',
    replace: 'p.first + p.draws > p.last',
    caughtBy: ['ledger-random', 'a pool whose strategy changes from '],
  },
  {
    name: 'a random pool that grows goes on in an order that it does not have any more',
    file: 'ledger/migrations/0011-pools.sql',
    find: 'set last = p_last, draws = 0,',
    replace: 'set last = p_last,',
    caughtBy: ['ledger-random', 'a random pool that grows begins a new order'],
  },
  {
    name: 'a fill of stock counts by one order of a pool that had two',
    file: allocate,
    find: '(size - p.draws)::float8',
    replace: 'size::float8',
    caughtBy: [
      'ledger-random',
      'the stock that one cluster gets of a random pool is about a sixteenth of what was never used when',
    ],
  },
  {
    name: 'a fill of stock forgets what a random pool handed out before it grew',
    file: allocate,
    find: '* (size - p.drawn_before) / size',
    replace: '',
    caughtBy: [
      'ledger-random',
      'the stock that one cluster gets of a random pool is about a sixteenth of what was never used after',
    ],
  },
  {
    name: 'two fills of a stock share no lock',
    file: stock,
    find: 'perform 1 from pools q where q.pool_id = p.pool_id for no key update;',
    replace: '',
    caughtBy: stocking('two fills at once share a sixteenth'),
  },
  {
    name: 'a repeated fill of a stock is another fill',
    file: stock,
    find: 'if found then return; end if;',
    replace: '',
    caughtBy: stocking('a fill that is repeated returns nothing instead'),
  },
  {
    name: 'a stock is filled while a namespace is at its cap',
    file: stock,
    find: 'having count(*) >=',
    replace: 'having count(*) < 0 and count(*) >=',
    caughtBy: stocking('a cluster gets no stock while a namespace has all'),
  },
  {
    name: 'a copy of the cluster has holders of a stock',
    file: stock,
    find: 'p_ticket = any (c.tickets[1:2])',
    replace: 'true',
    caughtBy: stocking('a process of a copy of the cluster is no holder'),
  },
  {
    name: 'a copy of the cluster has holders of a stock for some minutes',
    file: stock,
    find: 'c.tickets[1:2]',
    replace: 'c.tickets',
    caughtBy: stocking('nor is it one with an older ticket'),
  },
  {
    name: 'a holder of a copy of the cluster goes on to be seen',
    file: stock,
    find: ' and is_ours;',
    replace: ';',
    caughtBy: stocking('a process of a copy that was a holder before'),
  },
  {
    name: 'a late answer from stock counts for the next owner',
    file: stock,
    after: 'create function rock_mac.assign_stock(',
    find: 'and a.holder_key = r.key and a.generation = r.generation',
    replace: '',
    caughtBy: stocking('a late answer changes nothing'),
  },
  {
    name: 'a holder forgets an answer from stock that no standby has',
    file: stock,
    find: "if not_open() = 'not_durable' then",
    replace: 'if false then',
    caughtBy: stocking('a holder forgets no answer'),
  },
  {
    name: 'an address of a stock is bound without a requester',
    file: binding,
    find: 'and r.requester is not null',
    replace: '',
    caughtBy: stocking('the operator binds an address of a stock only for a requester'),
  },
  {
    name: 'an address of a stock stays in the gap when it is bound',
    file: binding,
    find: "origin = case when a.owner_kind = 'Webhook' then 'allocate' else a.origin end,",
    replace: '',
    caughtBy: stocking('a recovery sets all stock aside'),
  },
  {
    name: 'a recovery keeps a stock',
    file: recovery,
    find: 'addrs := next_stock(2048);',
    replace: "addrs := '{}';",
    caughtBy: stocking('a recovery sets all stock aside'),
  },
  {
    name: 'a gap ends before the holder has dropped its stock',
    file: recovery,
    find: 'and a.owner_uid is not null',
    replace: 'and false',
    caughtBy: stocking('what a recovery has set aside stays so'),
  },
  {
    name: 'a gap ends as soon as the holder has dropped its stock',
    file: recovery,
    find: 'select max(a.changed_at)',
    replace: 'select max(a.allocated_at)',
    caughtBy: stocking('what a recovery has set aside stays so'),
  },
  {
    name: 'a claim of a set is taken without a lock',
    file: claimSets,
    find: 'order by a.addr + 0 limit 1 for update skip locked;',
    replace: 'order by a.addr + 0 limit 1;',
    caughtBy: selecting('of many workloads that select at once no two get'),
  },
  {
    name: 'workloads that select claims wait for each other',
    file: claimSets,
    find: 'for update skip locked;',
    replace: 'for update;',
    caughtBy: selecting('of many workloads that select at once no two wait'),
  },
  {
    name: 'a set with locked claims counts as used up',
    file: claimSets,
    find: `then 'busy' else 'none_unused' end;`,
    replace: `then 'none_unused' else 'none_unused' end;`,
    caughtBy: selecting('of many workloads that select at once no two wait'),
  },
  {
    name: 'two interfaces get the same claim of a set',
    file: claimSets,
    find: 'and a.addr <> all (picks) and',
    replace: 'and',
    caughtBy: selecting('a workload that selects claims uses one unused claim'),
  },
  {
    name: 'an object with too few claims of a set keeps some',
    file: claimSets,
    find: 'if refused is null then',
    replace: 'if cardinality(picks) > 0 then',
    caughtBy: selecting('a workload that selects claims gets none if there'),
  },
  {
    name: 'a repeated selection takes another claim',
    file: claimSets,
    find: 'where a.consumer_key = i.consumer and',
    replace: 'where false and',
    caughtBy: selecting('a workload that selects claims uses one unused claim'),
  },
  {
    name: 'an expired claim of a set is taken',
    file: claimSets,
    find: 'a.expires_at > rock_mac.clock()',
    replace: 'true',
    caughtBy: selecting('a workload that selects claims never gets'),
  },
  {
    name: 'a kept address counts as an unused claim of a set',
    file: claimSets,
    find: 'and a.kept_since is null and a.consumer_key is null',
    replace: 'and a.consumer_key is null',
    caughtBy: selecting('a workload that selects claims never gets'),
  },
  {
    name: 'a claim of another cluster is taken from a set',
    file: claimSets,
    find: 'and a.cluster_id is not distinct from p_cluster and is_unused_claim(a)',
    replace: 'and is_unused_claim(a)',
    caughtBy: selecting('a workload that selects claims never gets'),
  },
  {
    name: 'claims of a set are taken while the ledger is not open',
    file: claimSets,
    find: 'coalesce(not_open(), ',
    replace: 'coalesce(null, ',
    caughtBy: selecting('a workload that selects claims gets none while'),
  },
  {
    name: 'a copy of a cluster takes claims of a set',
    file: claimSets,
    find: 'p_ticket <> all (c.tickets)',
    replace: 'false',
    caughtBy: selecting('a workload that selects claims gets none while'),
  },
  {
    name: 'a sticky key in another pool is a conflict',
    file: allocate,
    find: '(h.pool_id <> p.pool_id and not is_sticky(r.key))',
    replace: 'h.pool_id <> p.pool_id',
    caughtBy: sticking('a sticky address keeps the address of its old pool'),
  },
  {
    name: 'a replay leaves a sticky address unused since before',
    file: allocate,
    find: "where a.holder_key = any (replay) and a.state = 'active' and is_sticky(a.holder_key) and a.missing_since is not null",
    replace: 'where false and a.missing_since is not null',
    caughtBy: stickyRace('an address that is replayed at this moment'),
  },
  {
    name: 'a sticky address is older than its namespace',
    file: allocate,
    find: 'case when is_sticky(r.key) then greatest(t, r.namespace_since) else t end',
    replace: 't',
    caughtBy: sticking('a namespace that was made again is not confused with the present one'),
  },
  {
    name: 'a later namespace gets the sticky addresses of the former',
    file: allocate,
    find: "filter (where r.namespace_since > a.allocated_at), '{}')",
    replace: "filter (where false), '{}')",
    caughtBy: sticking('a namespace that was made again does not get'),
  },
  {
    name: 'an address is given to a pod while the last one may still run',
    file: allocate,
    find: "filter (where a.unreachable_node is not null), '{}')",
    replace: "filter (where false), '{}')",
    caughtBy: sticking('a sticky address whose last pod may still run is not answered with'),
  },
  {
    name: 'unused sticky addresses have no limit',
    file: allocate,
    find: 'where u.held >= a.unused_limit',
    replace: 'where false',
    caughtBy: sticking('an unused sticky address beyond the limit'),
  },
  {
    name: 'unused sticky addresses of all namespaces count together',
    file: allocate,
    find: ' and a.owner_namespace = n.namespace\n                 and a.missing_since is not null',
    replace: '\n                 and a.missing_since is not null',
    caughtBy: sticking('an unused sticky address beyond the limit'),
  },
  {
    name: 'a request for a held address locks it',
    file: allocate,
    find: "where (select a.state <> 'released' and a.kept_since is null from addresses a where a.addr = u.addr) is not true",
    replace: 'where true',
    caughtBy: stickyRace('webhooks that ask two pools'),
  },
  {
    name: 'new sticky keys are written in any order',
    file: allocate,
    find: "order by case when is_sticky(key) then key else '' end, ord",
    replace: 'order by ord',
    caughtBy: stickyRace('webhooks that ask two pools'),
  },
  {
    name: 'a sticky address that is seen stays unused',
    file: binding,
    find: '(a.missing_since is not null or r.bound_key <> a.holder_key)',
    replace: 'r.bound_key <> a.holder_key',
    caughtBy: sticking('an unused sticky address is used again'),
  },
  {
    name: 'a sticky address becomes the own one of another name',
    file: binding,
    find: 'and is_sticky(a.holder_key) and a.owner_name = r.name and',
    replace: 'and is_sticky(a.holder_key) and',
    caughtBy: sticking('a sticky address does not become'),
  },
  {
    name: 'an own address keeps the mark of a node',
    file: binding,
    find: 'unreachable_node = case when r.bound_key = a.holder_key then a.unreachable_node end,',
    replace: '',
    caughtBy: sticking('a sticky address becomes the own address'),
  },
  {
    name: 'an unused address is released although it was used again',
    file: sticky,
    find: "and date_trunc('milliseconds', a.missing_since) = date_trunc('milliseconds', r.missing_since)",
    replace: '',
    caughtBy: sticking('an unused sticky address is released only if'),
  },
  {
    name: 'an unused address is released to the microsecond',
    file: sticky,
    find: "date_trunc('milliseconds', a.missing_since)",
    replace: 'a.missing_since',
    caughtBy: sticking('an unused sticky address is released only if'),
  },
  {
    name: 'an unused address is released while the clock is not believed',
    file: sticky,
    find: ' and held is null\n      and date_trunc',
    replace: '\n      and date_trunc',
    caughtBy: sticking('an unused sticky address is released only if'),
  },
  {
    name: 'an unused address is released while its last pod may still run',
    file: sticky,
    find: 'and a.unreachable_node is null and held is null',
    replace: 'and held is null',
    caughtBy: sticking('a sticky address whose last pod may still run is released neither'),
  },
  {
    name: 'an address is released while its last pod may still run',
    file: releasing,
    find: 'and (a.unreachable_node is null or p_force)',
    replace: '',
    caughtBy: sticking('a sticky address whose last pod may still run is released neither'),
  },
  {
    name: 'a plain address is marked as unused',
    file: sticky,
    find: '\n    and is_sticky(a.holder_key) and a.missing_since is null;',
    replace: '\n    and a.missing_since is null;',
    caughtBy: sticking('an unused sticky address is no plain or pending one'),
  },
  {
    name: 'the mark of another node replaces the first',
    file: sticky,
    find: "case when a.state = 'active' and a.unreachable_node is null then",
    replace: "case when a.state = 'active' then",
    caughtBy: sticking('a sticky address whose last pod may still run keeps the mark of the first node'),
  },
  {
    name: 'a node that is back ends the marks of all',
    file: sticky,
    find: ' and a.unreachable_node = p_node\n    and exists',
    replace: '\n    and exists',
    caughtBy: sticking('a sticky address whose last pod may still run keeps the mark of the first node'),
  },
  {
    name: 'a person who frees one address frees all of its node',
    file: sticky,
    find: 'r.generation = a.generation and r.key = a.holder_key',
    replace: 'true',
    caughtBy: sticking('a sticky address whose last pod may still run is answered with once a person'),
  },
  {
    name: 'a claim takes over a sticky address',
    file: 'ledger/migrations/0023-transfer.sql',
    find: " or is_sticky(a.holder_key) then 'not_held'",
    replace: " then 'not_held'",
    caughtBy: sticking('a sticky address is not handed over'),
  },
  {
    name: 'an address is received while its owner uses it',
    file: transfers,
    find: "when h.left_at is null then 'not_left'",
    replace: '',
    caughtBy: receiving('an address that a machine offers to another one moves into the other cluster'),
  },
  {
    name: 'an address is received by a machine to which it was not offered',
    file: transfers,
    find: 'or (h.cluster_id, h.namespace, h.name) is distinct from (r.cluster, r.namespace, r.name)',
    replace: '',
    caughtBy: receiving('an address that a machine offers to another one is received by no other machine'),
  },
  {
    name: 'an address is left to a machine that does not have it',
    file: transfers,
    find: "else 'no_receiver' end",
    replace: "else 'left' end",
    caughtBy: receiving('an address that a machine offers to another one is left to a machine of the own cluster'),
  },
  {
    name: 'an address is released whose receiver another cluster has not reported yet',
    file: transfers,
    find: 'c.last_resync_at > h.ended_at',
    replace: 'true',
    caughtBy: receiving('an address that a machine offers to another one waits until the other cluster'),
  },
  {
    name: 'an address is left to a machine of a retired cluster',
    file: transfers,
    find: 'c.cluster_id = h.cluster_id and c.retired_at is null',
    replace: 'c.cluster_id = h.cluster_id',
    caughtBy: receiving('an address that a machine offers to another one is left to no machine of a retired cluster'),
  },
  {
    name: 'an address that is received does not count in a quota',
    file: transfers,
    find: "coalesce(full_quota(r, a), 'received')",
    replace: "'received'",
    caughtBy: receiving('an address that a machine offers to another one counts in the quota'),
  },
  {
    name: 'a cluster receives addresses for another one',
    file: transfers,
    find: ' or (me.everything or r.cluster = me.cluster) is not true',
    replace: '',
    caughtBy: ['ledger-roles', 'a login of a cluster changes nothing of other clusters and of devices with'],
  },
  {
    name: 'the next machine of a name inherits what the last one offered to a receiver',
    file: 'ledger/migrations/0005-bind.sql',
    find: ' and (handover_of(a)).addr is null',
    replace: '',
    caughtBy: receiving('an address that a machine offers to another one does not go to the machine'),
  },
  {
    name: 'a claim that a pod uses is handed over',
    file: transfers,
    find: "when a.consumer_key is not null then 'has_consumer'",
    replace: '',
    caughtBy: handingOver('of two changes at the same moment a transfer and the first use'),
  },
  {
    name: 'an address is handed over by its last owner but one',
    file: transfers,
    find: 'or a.generation <> r.generation',
    replace: '',
    caughtBy: handingOver('an address is not handed over by anyone but its owner'),
  },
  {
    name: 'an address is handed over to another cluster',
    file: transfers,
    find: "when a.cluster_id is distinct from r.cluster then 'other_cluster'",
    replace: '',
    caughtBy: handingOver('an address is not handed over to another cluster'),
  },
  {
    name: 'an address is handed over while the ledger is closed',
    file: transfers,
    find: 'when closed is not null then closed',
    replace: '',
    caughtBy: handingOver('an address is not handed over while the ledger recovers'),
  },
  {
    name: 'a transfer does not count in a quota',
    file: transfers,
    find: "coalesce(full_quota(r, a), 'transferred')",
    replace: "'transferred'",
    caughtBy: handingOver('an address that is handed over counts in the quota'),
  },
  {
    name: 'a reserved address is handed over to a claim that reserves nothing',
    file: transfers,
    find: "when a.state is distinct from r.state then 'other_state'",
    replace: '',
    caughtBy: handingOver('an address is not handed over while its owner is pending'),
  },
  {
    name: 'a transfer changes nothing in the generation',
    file: transfers,
    find: 'generation = x.generation + 1',
    replace: 'generation = x.generation',
    caughtBy: handingOver('an address that is handed over stays'),
  },
  {
    name: 'a new namespace of the same name gets a released address',
    file: allocate,
    find: '(r.namespace_since <= a.allocated_at',
    replace: '(r.namespace_since is not null',
    caughtBy: allocating('an address requested by name goes within the reuse delay to anyone in the namespace'),
  },
  {
    name: 'another namespace gets a released address',
    file: allocate,
    find: `a.cluster_id = excluded.cluster_id and a.owner_namespace = excluded.owner_namespace
                    and exists`,
    replace: `a.cluster_id = excluded.cluster_id
                    and exists`,
    caughtBy: allocating('an address requested by name goes within the reuse delay to anyone in the namespace'),
  },
  {
    name: 'its own namespace gets an address whose pod was not seen to end',
    file: allocate,
    find: '(not a.end_unseen and ',
    replace: '(',
    caughtBy: allocating('an address requested by name goes within the reuse delay to nobody'),
  },
  {
    name: 'the next owner of an address whose pod was not seen to end counts as unseen too',
    file: allocate,
    find: 'end_unseen = false, ',
    replace: '',
    caughtBy: allocating('an address requested by name goes within the reuse delay to nobody'),
  },
  {
    name: 'an overridden reuse delay is not audited',
    file: allocate,
    find: "then 'reuse delay overridden'",
    replace: 'then excluded.reason',
    caughtBy: allocating('an address requested by name goes to anyone who overrides the reuse delay'),
  },
  {
    name: 'an interface gets its last address while something uses it',
    file: allocate,
    find: 'and not a.blocked and a.allocated_at >=',
    replace: 'and a.allocated_at >=',
    caughtBy: allocating('the last address of an interface is not preferred'),
  },
];

/** Returns a text with the mutant in place. Throws if the text to replace is missing. */
export function mutate(text: string, { file, after = '', find, replace }: Mutant): string {
  const from = text.indexOf(after);
  const at = from < 0 ? -1 : text.indexOf(find, from);
  if (at < 0) throw new Error(`${file} does not contain ${JSON.stringify(find)} after ${JSON.stringify(after)}`);
  return text.slice(0, at) + replace + text.slice(at + find.length);
}
