/** A way to break the ledger, and the test that must see it. */
export interface Mutant {
  readonly name: string;
  /** Where it is broken, from the root of the project. */
  readonly file: string;
  /** The text that is replaced is looked for behind this one; from the beginning when not given. */
  readonly after?: string;
  readonly find: string;
  readonly replace: string;
  /** The test file, and the beginning of the full name of the test that has to fail. */
  readonly caughtBy: readonly [file: string, test: string];
}

const tables = 'ledger/migrations/0001-tables.sql';
const audit = 'ledger/migrations/0002-audit.sql';
const allocate = 'ledger/migrations/0003-allocate.sql';
const holders = 'ledger/migrations/0004-holders.sql';
const clusters = 'ledger/migrations/0005-pools-and-clusters.sql';
const recovery = 'ledger/migrations/0006-recovery.sql';

const history = ['ledger-property', 'whatever happens in whatever order'] as const;
const race = (test: string) => ['ledger-race', test] as const;
const allocating = (test: string) => ['ledger-allocate', test] as const;
const holding = (test: string) => ['ledger-holders', test] as const;
const connecting = (test: string) => ['ledger-connect', test] as const;

/** What the function was before it was learned that one statement looks at the ledger as it was before its wait. */
const SINGLE_STATEMENT = `
create or replace function rock_mac.allocate(p_pool text, p_requests jsonb, p_lease interval)
returns table (ord int, outcome text, addr bigint, generation bigint, state text, expires_at timestamptz, holder jsonb, until timestamptz)
language sql volatile set search_path = rock_mac, pg_temp as $$
  with p as materialized (select * from pools where name = p_pool for no key update),
  r as (select r.*, row_number() over (order by r.ord) as nth from jsonb_populate_recordset(null::request, p_requests) r),
  free as (select g.g, row_number() over (order by g.g) as nth from p, generate_series(p.first, p.first + 999) g
           where not exists (select 1 from addresses a where a.addr = g.g) limit 64),
  made as (insert into addresses (addr, pool_id, state, origin, holder_key, allocated_at, changed_at, requester, actor)
           select coalesce(r.addr, f.g), p.pool_id, 'active', 'allocate', r.key, clock(), clock(), r.requester, r.actor
           from p, r join free f using (nth) returning *)
  select r.ord, 'allocated', m.addr, m.generation, m.state, m.expires_at, null::jsonb, null::timestamptz
  from r join made m on m.holder_key = r.key $$;
`;

export const MUTANTS: readonly Mutant[] = [
  {
    name: 'no unique index on holder keys',
    file: tables,
    find: 'create unique index addresses_holder',
    replace: 'create index addresses_holder',
    caughtBy: race('the same key asked in two pools at once'),
  },
  {
    name: 'no unique index on consumers',
    file: tables,
    find: 'create unique index addresses_consumer',
    replace: 'create index addresses_consumer',
    caughtBy: race('one pod that takes two claims at once'),
  },
  {
    name: 'pools may overlap',
    file: tables,
    find: "constraint pools_never_overlap exclude using gist (int8range(first, last, '[]') with &&)",
    replace: 'constraint pools_never_overlap check (true)',
    caughtBy: allocating('a pool cannot share an address with another'),
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
    name: 'the cursor takes addresses out of order',
    file: allocate,
    find: 'order by s.g limit want',
    replace: 'order by hashint8(s.g) limit want',
    caughtBy: allocating('the next address steps over addresses'),
  },
  {
    name: 'the cursor leaves its pool',
    file: allocate,
    find: 'if want > 0 and cur <= p.last then\n    stop := least(p.last, cur + want - 1);',
    replace: 'if want > 0 then\n    stop := cur + want - 1;',
    caughtBy: allocating('the next address never leaves the pool'),
  },
  {
    name: 'no reuse delay',
    file: allocate,
    find: 'ready := t - p.reuse_delay;',
    replace: 'ready := t;',
    caughtBy: allocating('the next address never leaves the pool'),
  },
  {
    name: 'the queue gives what was released last',
    file: allocate,
    find: 'order by a.released_at, a.addr limit want',
    replace: 'order by a.released_at desc, a.addr desc limit want',
    caughtBy: allocating('the next address behind the end of the range'),
  },
  {
    name: 'no renewal on replay',
    file: allocate,
    find: 'where a.holder_key = r.key and a.holder_key = any (replay)',
    replace: 'where false',
    caughtBy: allocating('the same key gets the same address again'),
  },
  {
    name: 'a device that asks again expires all the same',
    file: allocate,
    find: "and (a.state = 'pending' or (a.cluster_id is null and a.expires_at is not null));",
    replace: "and a.state = 'pending';",
    caughtBy: allocating('the same key of a device has its whole period'),
  },
  {
    name: 'no check that a cluster was adopted',
    file: allocate,
    find: 'c.adopted_at is not null and c.retired_at is null',
    replace: 'true',
    caughtBy: allocating('a request is refused, and its neighbours are not, when its cluster'),
  },
  {
    name: 'anybody takes a released address back within its delay',
    file: allocate,
    find: 'and a.owner_namespace = excluded.owner_namespace and a.owner_name = excluded.owner_name)',
    replace: ')',
    caughtBy: allocating('an address asked for by name goes back to its last owner'),
  },
  {
    name: 'no cap for pending addresses',
    file: allocate,
    after: 'capped := ',
    find: 's.pending_cap - (',
    replace: '100000 - (',
    caughtBy: allocating('a request is refused, and its neighbours are not, when too many'),
  },
  {
    name: 'commits as the session likes',
    file: allocate,
    find: "perform set_config('synchronous_commit', 'on', true);",
    replace: 'null;',
    caughtBy: race('what is acknowledged is on disk'),
  },
  {
    name: 'a failover is not noticed',
    file: allocate,
    find: "if s.timeline <> current_timeline() then return 'timeline_changed'; end if;",
    replace: '',
    caughtBy: holding('after a failover nothing is handed out'),
  },
  {
    name: 'changes are not audited',
    file: audit,
    find: 'join old_rows o using (addr)',
    replace: 'join old_rows o on false',
    caughtBy: allocating('the audit tells who asked'),
  },
  {
    name: 'release without comparing the generation',
    file: holders,
    after: 'create function rock_mac.release(',
    find: 'a.generation = r.generation and a.holder_key = r.key',
    replace: 'a.holder_key = r.key',
    caughtBy: holding('releasing compares address, generation and key'),
  },
  {
    name: 'release without comparing the key',
    file: holders,
    after: 'create function rock_mac.release(',
    find: 'a.generation = r.generation and a.holder_key = r.key',
    replace: 'a.generation = r.generation',
    caughtBy: holding('releasing compares address, generation and key'),
  },
  {
    name: 'release of what is reserved without force',
    file: holders,
    after: 'create function rock_mac.release(',
    find: "(a.state in ('pending', 'active') or (p_force and a.state <> 'released'))",
    replace: "a.state <> 'released'",
    caughtBy: holding('releasing a reserved address needs force'),
  },
  {
    name: 'a lease that was renewed is freed',
    file: holders,
    after: 'create function rock_mac.release_expired_leases(',
    find: "a.state = 'pending' and a.expires_at < clock()",
    replace: "a.state = 'pending'",
    caughtBy: holding('a lease that ran out frees its address only if'),
  },
  {
    name: 'binding without comparing the key',
    file: holders,
    after: 'create function rock_mac.bind(',
    find: 'a.holder_key = r.key and a.state in',
    replace: 'a.state in',
    caughtBy: holding('binding brings back an address'),
  },
  {
    name: 'a claim goes to the last who asks',
    file: holders,
    after: 'create function rock_mac.take_consumer(',
    find: 'and (a.consumer_key is not distinct from r.expected or a.consumer_key = r.key)',
    replace: '',
    caughtBy: holding('a claim has one consumer'),
  },
  {
    name: 'a consumer that asked again is dropped',
    file: holders,
    find: 'and (a.consumer_expires_at < clock()) is not false',
    replace: '',
    caughtBy: holding('a claim has one consumer'),
  },
  {
    name: 'a retired cluster binds',
    file: holders,
    find: 'where c.cluster_id = r.cluster and c.retired_at is null)\n    and not exists',
    replace: 'where c.cluster_id = r.cluster)\n    and not exists',
    caughtBy: holding('the end of a cluster is for good'),
  },
  {
    name: 'claims expire like devices',
    file: 'ledger/address/expired-devices.ts',
    find: 'and a.cluster_id is null',
    replace: '',
    caughtBy: history,
  },
  {
    name: 'rows are locked in any order',
    file: holders,
    after: 'create function rock_mac.bind(',
    find: 'order by a.addr for update;',
    replace: "order by hashtext(a.addr::text || (p_items->0->>'ord') || p_items->0->>'key') for update;",
    caughtBy: race('binding the same pods from many connections'),
  },
  {
    name: 'the end of a cluster does not wait for what comes back',
    file: holders,
    after: 'create function rock_mac.bind(',
    find: ' for key share;',
    replace: ';',
    caughtBy: race('a cluster that ends while an object of it brings an address back'),
  },
  {
    name: 'a recovery orphans what is bound beside it',
    file: recovery,
    find: "where a.state = 'released'                             -- still",
    replace: 'where true -- still',
    caughtBy: race('a recovery takes no address out of play'),
  },
  {
    name: 'force takes an address from its consumer',
    file: holders,
    after: 'create function rock_mac.release(',
    find: 'and not exists (select 1 from clusters c where c.cluster_id = a.cluster_id and c.retired_at is null)',
    replace: '',
    caughtBy: race('a claim that a pod takes at the moment of its deletion'),
  },
  {
    name: 'devices expire before the recovery',
    file: 'ledger/address/expired-devices.ts',
    find: 'and (select rock_mac.not_open()) is null',
    replace: '',
    caughtBy: holding('after a failover no device expires'),
  },
  {
    name: 'a resync judges what changed after it began',
    file: holders,
    after: 'create function rock_mac.mark_missing(',
    find: 'and a.changed_at < p_started',
    replace: '',
    caughtBy: holding('a resync over all objects marks'),
  },
  {
    name: 'adopting takes what another holds',
    file: holders,
    after: 'create function rock_mac.adopt(',
    find: "where a.state = 'released'\n       or (",
    replace: 'where true or (',
    caughtBy: holding('adopting takes what is free'),
  },
  {
    name: 'a retired cluster keeps its addresses',
    file: clusters,
    after: 'create function rock_mac.retire_cluster(',
    find: "set state = 'orphaned'",
    replace: "set state = 'released', released_at = clock()",
    caughtBy: holding('the end of a cluster orphans'),
  },
  {
    name: 'a cluster ends beside an allocation',
    file: clusters,
    after: 'create function rock_mac.retire_cluster(',
    find: 'perform 1 from pools order by pool_id for no key update;',
    replace: 'null;',
    caughtBy: race('a cluster that ends while an address is handed out'),
  },
  {
    name: 'a ledger waits for a cluster that has ended',
    file: clusters,
    find: 'perform open_if_ready();',
    replace: '',
    caughtBy: holding('after a failover the end of the cluster'),
  },
  {
    name: 'a initial sync counts after a failover',
    file: clusters,
    find: "if s.epoch <> p_epoch then return 'wrong_epoch'; end if;",
    replace: '',
    caughtBy: holding('after a failover a cluster that made its initial sync'),
  },
  {
    name: 'a replication gap is looked for near the cursor only',
    file: recovery,
    find: 'while cardinality(got) < s.replication_gap and cur <= p.last loop',
    replace: 'while cur = p.next_addr and cur <= p.last loop',
    caughtBy: holding('after a failover the replication gap is found behind'),
  },
  {
    name: 'nothing is set aside for a replication gap',
    file: recovery,
    find: 'order by g.g limit s.replication_gap - cardinality(got))',
    replace: 'order by g.g limit 0)',
    caughtBy: holding('after a failover nothing is handed out'),
  },
  {
    name: 'a recovery waits for no cluster',
    file: recovery,
    find: 'and c.reported_epoch < s.epoch);',
    replace: 'and false);',
    caughtBy: holding('after a failover nothing is handed out'),
  },
  {
    name: 'a restored backup opens by itself',
    file: recovery,
    find: 'and not s.needs_approval',
    replace: '',
    caughtBy: holding('after a failover a restored backup'),
  },
  {
    name: 'only the first who remembers a loss counts',
    file: 'ledger/state/ledger-head.ts',
    find: '> began.madeUpFor ?',
    replace: '> Infinity ?',
    caughtBy: holding('after a failover two operators that remember'),
  },
  {
    name: 'a follower of the audit passes by what is not committed yet',
    file: 'ledger/audit.ts',
    find: 'recent.id > recent.previous + 1',
    replace: 'false',
    caughtBy: ['ledger-lists', 'the audit that is followed leaves out no entry'],
  },
  {
    name: 'a page goes on behind its address alone',
    file: 'ledger/address/page-mark.ts',
    find: 'behind: `(${ALLOCATED}, a.addr) < ($9::text::timestamptz, $8)`,',
    replace: 'behind: `a.addr < $8 and $9::text is not null`,',
    caughtBy: ['ledger-lists', 'a list of addresses in the order newest'],
  },
  {
    name: 'a release reads the whole table',
    file: holders,
    after: 'create function rock_mac.release(',
    find: 'left join addresses a on a.addr = r.addr and a.addr = any (addrs)',
    replace: 'left join addresses a on a.addr = r.addr',
    caughtBy: ['ledger-plans', 'a connection that planned its statements on a small ledger'],
  },
  {
    name: 'any certificate will do',
    file: 'ledger/connection/connection-config.ts',
    find: "rejectUnauthorized: mode === 'verified'",
    replace: 'rejectUnauthorized: false',
    caughtBy: ['ledger-tls', 'a ledger whose certificate names its address is not reached with another authority'],
  },
  {
    name: 'a lost answer is not asked for again',
    file: 'ledger/address/allocator.ts',
    find: 'isLedgerError(result) ? result.retryable :',
    replace: 'isLedgerError(result) ? false :',
    caughtBy: connecting('the allocator asks again with the same key'),
  },
  {
    name: 'a connection in the middle of an answer is used again',
    file: 'ledger/connection/connect.ts',
    find: 'client.release(!healthy);',
    replace: 'client.release();',
    caughtBy: connecting('a connection on which a statement timed out'),
  },
  {
    name: 'a bad item goes to Postgres with its neighbours',
    file: 'ledger/address/validate.ts',
    find: 'if (!isLedgerError(error) || error.code',
    replace: 'if (isLedgerError(error)) throw error;\n    if (!isLedgerError(error) || error.code',
    caughtBy: ['ledger-bad-input', 'a reason that cannot be stored'],
  },
  {
    name: 'odd addresses become any address',
    file: 'ledger/address/allocate.ts',
    find: 'requested: macSchema.optional(),',
    replace: '',
    caughtBy: ['ledger-bad-input', 'a request for an address with a bad value'],
  },
  {
    name: 'a backup is not one moment',
    file: 'ledger/connection/snapshot.ts',
    find: 'isolation level repeatable read, read only',
    replace: 'isolation level read committed',
    caughtBy: ['ledger-backup', 'a backup file is readable by its owner only'],
  },
  {
    name: 'a changed backup is restored',
    file: 'ledger/backup/restore.ts',
    find: 'if (parsed.sha256 !== sum.text())',
    replace: 'if (parsed.sha256 === sum.text() && false)',
    caughtBy: ['ledger-backup', 'a file that cannot be restored is refused, and the ledger stays empty, when a value'],
  },
  {
    name: 'a restored ledger goes on without recovery',
    file: 'ledger/backup/restore.ts',
    find: 'lossy: true, needsApproval: true,',
    replace: 'lossy: false, needsApproval: false,',
    caughtBy: ['ledger-backup', 'a backup that is restored gives every row again'],
  },
  {
    name: 'an import leaves the floor of the queues',
    file: 'ledger/import/import-sqlite.ts',
    find: "set floor_at = '-infinity', floor_addr = 0",
    replace: 'set floor_addr = floor_addr',
    caughtBy: ['ledger-import', 'importing the file of the predecessor brings released addresses before'],
  },
  {
    name: 'two migrators at once do not wait',
    file: 'ledger/migrate.ts',
    after: 'async function apply(',
    find: "await client.query('select pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);",
    replace: '',
    caughtBy: connecting('migrating runs each file once'),
  },
  {
    name: 'an older program uses a breaking schema',
    file: 'ledger/migrate.ts',
    find: 'if (schema.minProgram <= programVersion) return;',
    replace: 'if (schema.minProgram > 0) return;',
    caughtBy: ['ledger-migrate', 'a breaking migration refuses the program of before'],
  },
];
