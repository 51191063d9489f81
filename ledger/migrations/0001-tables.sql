-- The tables of the ledger, all in the schema rock_mac. Functions set their own search_path and do not depend on
-- session settings, because pgbouncer shares sessions between transactions.

-- The only source of time in the ledger. Tests replace this function to move time, so the tables can enforce sane
-- minimum periods. After waiting for a lock, it returns a time later than every change by the previous holder. Index
-- conditions use `(select clock())`: a bare volatile function would be compared with each row.
create function rock_mac.clock() returns timestamptz language sql volatile parallel safe
  return clock_timestamp();

-- Functions use bigint, people use macaddr. The cast goes through macaddr8, whose input takes half the time: macaddr
-- tries seven notations in turn. This runs twice per allocated address.
create function rock_mac.to_mac(addr bigint) returns macaddr language sql immutable strict parallel safe
  return lpad(to_hex(addr), 12, '0')::macaddr8::macaddr;
create function rock_mac.to_addr(mac macaddr) returns bigint language sql immutable strict parallel safe
  return ('x0000' || replace(mac::text, ':', ''))::bit(64)::bigint;

-- Whether a holder key is of a sticky address: it belongs to the name of a workload (0021-sticky.sql). The key of a name that is too
-- long for it is hashed. Not `strict`: Postgres would not inline it then, and each allocation calls it several times.
create function rock_mac.is_sticky(holder_key text) returns boolean language sql immutable parallel safe
  return left(holder_key, 7) in ('sticky/', 'sticky#');

-- The texts and numbers anywhere in metadata, in lower case, for searches by their beginning. A lexeme has at most 2 KiB.
create function rock_mac.metadata_terms(metadata jsonb) returns tsvector language sql immutable parallel safe
  return array_to_tsvector(array(
    select left(lower(v #>> '{}'), 200) from jsonb_path_query(metadata, 'strict $.**') v
    where jsonb_typeof(v) in ('string', 'number') and v #>> '{}' <> ''));

-- Identifies one history of the database. Read from the name of the current WAL file, because the control file still
-- has the old timeline for seconds after a promotion.
create function rock_mac.current_timeline() returns text language sql volatile
  return left(pg_walfile_name(pg_current_wal_lsn()), 8);

-- Null where the provider does not allow it (some managed services). The guard then relies on the timeline only.
create function rock_mac.current_system_identifier() returns bigint language plpgsql volatile as $$
begin
  if has_function_privilege('pg_catalog.pg_control_system()', 'execute') then
    return (select c.system_identifier from pg_catalog.pg_control_system() c);
  end if;
  return null;
end $$;

create table rock_mac.ledger_state (
  one               boolean primary key default true check (one),
  ledger_id         uuid    not null default gen_random_uuid(),
  epoch             bigint  not null default 1,        -- increases at every recovery; callers pass the one they know
  began_at_audit_id bigint  not null default 0,        -- id of the last audit row when this epoch began
  covered_losses    bigint           default 0,        -- lost allocations that its recovery covers; null: an admin decides
  system_identifier bigint,
  timeline          text    not null,
  mode              text    not null default 'open' check (mode in ('open', 'recovering', 'paused')),
  why               text    not null default '',       -- why it is not open, for people
  needs_approval    boolean not null default false,    -- it opens only after an admin approves (restored from a backup)
  gap_due           boolean not null default false,    -- the approval also sets the replication gap aside
  renewed_to        bigint,                            -- the recovery has renewed the addresses up to this one; null: all of them
  durability        text    not null default 'single' check (durability in ('single', 'quorum')),
  replication_gap   int     not null default 1024 check (replication_gap between 0 and 65536),
  pending_cap       int     not null default 2048 check (pending_cap > 0),   -- maximum of pending rows per namespace
  changed_at        timestamptz not null default rock_mac.clock()
);
insert into rock_mac.ledger_state (system_identifier, timeline)
values (rock_mac.current_system_identifier(), rock_mac.current_timeline());

-- Whether the clock of the database can be believed (0018-clock.sql). The callers' clocks confirm it.
create table rock_mac.clock_trust (
  one            boolean primary key default true check (one),
  agreed_at      timestamptz not null default rock_mac.clock(), -- the last time when most callers agreed with the clock; -infinity: not in this round
  round          bigint      not null default 1,                  -- increases when the clock is suddenly far from agreed_at
  round_began_at timestamptz not null default rock_mac.clock(),
  held_since     timestamptz,                                     -- most callers disagreed: nothing expires until a person decides
  held_skew      interval,                                        -- by how much the clock was ahead of theirs
  check ((held_since is null) = (held_skew is null))
);
insert into rock_mac.clock_trust default values;

-- The last report of each operator and webhook.
create table rock_mac.caller_clocks (
  cluster_id  text collate "C" not null,               -- '': the command line
  caller      text collate "C" not null check (octet_length(caller) between 1 and 256),
  skew        interval    not null,                    -- by how much the clock was ahead of the caller's
  round       bigint      not null,
  reported_at timestamptz not null,
  primary key (cluster_id, caller)
);

create table rock_mac.clusters (
  cluster_id        text   collate "C" primary key check (octet_length(cluster_id) between 1 and 64),   -- uid of kube-system
  name              text   not null check (octet_length(name) between 1 and 253),
  registered_at     timestamptz not null default rock_mac.clock(),
  adopted_at        timestamptz,                       -- end of its initial sync; null: may not allocate
  reported_epoch    bigint not null default 0,         -- last epoch in which it reported its addresses in use
  last_resync_at    timestamptz,
  looked_under      text[] not null default '{}',      -- the prefixes that its last resync knew
  retired_at        timestamptz,
  -- Its identity (0019-identity.sql): the last tickets of its chain, the newest first, and who showed an old one.
  tickets           text[] not null default '{}',
  ticket_at         timestamptz,                       -- when the chain last went on
  newcomer_ticket   text,
  newcomer_prev     text,
  newcomer_since    timestamptz,
  shared_since      timestamptz,                       -- the newcomer is another control plane; it waits for a person
  changed_by        text   not null,
  check ((newcomer_ticket is null) = (newcomer_since is null)),
  check (shared_since is null or newcomer_ticket is not null)
);

-- The database logins of clusters. A login changes only addresses of its cluster. A cluster may have several logins.
create table rock_mac.cluster_logins (
  login      text collate "C" primary key,
  cluster_id text collate "C" not null,
  bound_at   timestamptz not null default rock_mac.clock(),
  bound_by   text not null default session_user
);

-- The processes of webhooks that have a stock (0020-stock.sql). A process is known by a random id, and runs in one pod.
create table rock_mac.stock_holders (
  holder     text collate "C" primary key check (octet_length(holder) between 1 and 128),
  cluster_id text collate "C" not null,
  pod_name   text collate "C" not null check (octet_length(pod_name) between 1 and 253),
  pod_uid    text collate "C" not null check (octet_length(pod_uid) between 1 and 128),
  started_at timestamptz not null default rock_mac.clock(),
  seen_at    timestamptz not null default rock_mac.clock(),
  sequence   bigint not null generated always as identity   -- in the order of their starts: a clock may go back at a failover
);
create index stock_holders_cluster on rock_mac.stock_holders (cluster_id);

-- The beginnings of the addresses that this ledger manages. Every pool lies under one of them.
create table rock_mac.prefixes (
  prefix   text   collate "C" primary key check (prefix ~ '^[0-9a-f]{2}(:[0-9a-f]{2}){0,3}(:[0-9a-f]{1,2})?$'),
  first    bigint not null check (first = rock_mac.to_addr(rpad(replace(prefix, ':', ''), 12, '0')::macaddr)),
  last     bigint not null check (last = rock_mac.to_addr(rpad(replace(prefix, ':', ''), 12, 'f')::macaddr)),
  kind     text   not null check (kind in ('ieee', 'local', 'vendor')),   -- assigned to us; locally administered; assigned to somebody else
  note     text   not null default '' check (octet_length(note) <= 1024),
  added_at timestamptz not null default rock_mac.clock(),
  added_by text   not null,
  check (first >> 40 & 1 = 0),                            -- the bit of group addresses, which no device owns
  constraint prefixes_never_overlap exclude using gist (int8range(first, last, '[]') with &&)
);

create table rock_mac.pools (
  pool_id      int    generated always as identity primary key,
  name         text   collate "C" not null unique check (name ~ '^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$'),
  first        bigint not null check (first between 0 and 281474976710655),
  last         bigint not null check (last  between 0 and 281474976710655),
  strategy     text   not null default 'sequential' check (strategy in ('sequential', 'random')),   -- the order of addresses that were never used
  random_by    text   collate "C" constraint only_random_by_somebody check (strategy = 'random' or random_by is null),   -- the cluster whose MacPool made it random; null: a person
  next_addr    bigint not null,                          -- the cursor of the sequential order: every address below it has a row
  draws        bigint not null default 0,                -- the cursor of the random order: so many of its addresses, from its first on, have a row
  drawn_before bigint not null default 0,                -- about how many addresses random orders handed out that ended as the pool grew
  -- Decides the random order (address_at). A backup is JSON, in which programs keep 53 bits of a number.
  seed         bigint not null default hashtextextended(gen_random_uuid()::text, 0) >> 11 check (seed between -9007199254740991 and 9007199254740991),
  floor_at     timestamptz not null default '-infinity', -- no released address waits at or before this position
  floor_addr   bigint not null default 0,
  auto_release interval check (auto_release >= '1 hour'),            -- null: never
  reuse_delay  interval not null check (reuse_delay >= '1 minute'),
  paused       boolean not null default false,
  paused_by    text   collate "C" constraint only_paused_by_somebody check (paused or paused_by is null),   -- the cluster whose MacPool paused it; null: a person
  description  text   not null default '' check (octet_length(description) <= 1024),
  cluster_id   text   collate "C",                        -- whose login defined it and may change it; null: the owner and admins only
  changed_by   text   not null,
  check (first <= last),
  check (next_addr between first and last + 1 and draws between 0 and last - first + 1 and drawn_before between 0 and last - first + 1),
  constraint pools_never_overlap exclude using gist (int8range(first, last, '[]') with &&)
) with (fillfactor = 50);   -- the cursor moves with every group; leaves room for updates in the same page

-- One row per address that was ever used. There is no row before the first use, so a pool may have any size. No foreign
-- keys: they cost 80 ms per 5,120 rows. The functions maintain the references, and `check` verifies them.
create table rock_mac.addresses (
  addr            bigint primary key,
  pool_id         int    not null,
  state           text   not null check (state in ('stocked', 'pending', 'active', 'reserved', 'released', 'orphaned')),
  generation      bigint not null default 1 check (generation >= 0),   -- 0: observed only, it never had an owner
  origin          text   not null check (origin in ('allocate', 'adopt', 'import', 'replication-gap', 'observe', 'transfer')),   -- how this owner got it
  holder_key      text   collate "C" not null check (octet_length(holder_key) between 1 and 600),
  cluster_id      text   collate "C",                    -- null: a device outside clusters
  owner_kind      text   collate "C",
  owner_namespace text   collate "C",
  owner_name      text   collate "C",
  owner_uid       text   collate "C",
  owner_nic       text   collate "C",
  device_id       text   collate "C",
  device_type     text,
  metadata        jsonb  not null default '{}' check (jsonb_typeof(metadata) = 'object' and octet_length(metadata::text) <= 32768),
  allocated_at    timestamptz not null,
  changed_at      timestamptz not null,                  -- last change of state, generation, owner or consumer
  expires_at      timestamptz,                           -- pending: lease; device or claim: expiry; null: no time limit
  missing_since   timestamptz,                           -- a full resync of its cluster did not find its object; sticky: unused since then
  unreachable_node text  collate "C" check (octet_length(unreachable_node) between 1 and 253),   -- sticky: where its last pod may still run
  kept_since      timestamptz,                           -- reserved, and its claim was deleted: the next matching claim reuses it
  released_at     timestamptz,
  end_unseen      boolean not null default false,        -- released, but its last pod may still run: nobody gets it inside the reuse delay
  -- The pod or VM that uses a claim now. Its lease is null once the object was seen.
  consumer_key        text collate "C" check (octet_length(consumer_key) between 1 and 600),
  consumer_kind       text collate "C",
  consumer_name       text collate "C",
  consumer_uid        text collate "C",
  consumer_nic        text collate "C",
  consumer_expires_at timestamptz,
  requester       text   not null,                       -- the user who requested it; unchanged while it is held
  actor           text   not null check (octet_length(actor) <= 256),   -- the program or person that made the last change
  reason          text   not null default '' check (octet_length(reason) <= 2304),   -- what a caller says has 1024; a release adds who asked
  blocked         boolean not null default false,        -- a live object uses it without owning it (observations)
  check ((state = 'released') = (released_at is not null)),
  check (state <> 'pending' or expires_at is not null),
  check (state not in ('stocked', 'reserved', 'released', 'orphaned') or expires_at is null),
  check (missing_since is null or cluster_id is not null),
  check (unreachable_node is null or (rock_mac.is_sticky(holder_key) and cluster_id is not null and state = 'active')),
  check (generation > 0 or state = 'released'),
  check (kept_since is null or state = 'reserved'),
  check (not end_unseen or state = 'released'),
  check (consumer_key is null or (cluster_id is not null and state in ('active', 'reserved', 'orphaned'))),
  check (consumer_expires_at is null or consumer_key is not null)
) with (fillfactor = 85);

create unique index addresses_holder  on rock_mac.addresses (holder_key) where state <> 'released';
create index addresses_queue          on rock_mac.addresses (pool_id, released_at, addr) where state = 'released' and not blocked;
create index addresses_due            on rock_mac.addresses (expires_at) where expires_at is not null;
-- One index for three queries: pending rows of a namespace, live rows and pending rows of a cluster. A second index
-- would cost each allocation 3 % more.
create index addresses_cluster        on rock_mac.addresses (cluster_id, state, owner_namespace) where cluster_id is not null and state <> 'released';
create index addresses_missing        on rock_mac.addresses (cluster_id, missing_since) where missing_since is not null;
create index addresses_unused         on rock_mac.addresses (cluster_id, owner_namespace) where missing_since is not null and state = 'active' and rock_mac.is_sticky(holder_key);
create index addresses_unreachable    on rock_mac.addresses (cluster_id, unreachable_node) where unreachable_node is not null;
create index addresses_gap            on rock_mac.addresses (pool_id) where state = 'orphaned' and origin = 'replication-gap';
create index addresses_owner          on rock_mac.addresses (owner_uid) where owner_uid is not null and state <> 'released';
create index addresses_device         on rock_mac.addresses (device_id) where device_id is not null and state <> 'released';
create unique index addresses_consumer on rock_mac.addresses (consumer_key) where consumer_key is not null;
-- For people who search. A name of an object or a claim, and the values of metadata, which pods do not have.
create index addresses_name           on rock_mac.addresses (owner_name) where owner_name is not null and state <> 'released';
create index addresses_consumer_name  on rock_mac.addresses (consumer_name) where consumer_name is not null;
create index addresses_metadata       on rock_mac.addresses using gin (rock_mac.metadata_terms(metadata)) where metadata <> '{}' and state <> 'released';
-- Lists by a key of metadata or its value.
create index addresses_metadata_keys  on rock_mac.addresses using gin (metadata) where metadata <> '{}' and state <> 'released';
-- The last address of an interface that a machine lost. Pods have none: they would write it at every end.
create index addresses_last           on rock_mac.addresses (cluster_id, owner_namespace, owner_name, owner_nic) where state = 'released' and owner_kind = 'VirtualMachine';
create unique index addresses_mac     on rock_mac.addresses (rock_mac.to_mac(addr));   -- lets people query by MAC

-- Addresses of virtual machines that another machine may receive when their owner ends, also in another cluster
-- (0023-transfer.sql). A row counts only while generation and key are those of the address: a new owner offers nothing.
create table rock_mac.handovers (
  addr       bigint primary key,
  generation bigint not null,
  holder_key text   collate "C" not null check (octet_length(holder_key) between 1 and 600),
  asked      text   collate "C" not null check (octet_length(asked) between 1 and 600),   -- the receiver, as the owner named it
  cluster_id text   collate "C" not null,
  namespace  text   collate "C" not null check (octet_length(namespace) between 1 and 253),
  name       text   collate "C" not null check (octet_length(name) between 1 and 253),
  offered_at timestamptz not null default rock_mac.clock(),   -- when this receiver was recorded
  ended_at   timestamptz,                               -- when the owner was first known to have ended; null: it uses the address
  left_at    timestamptz                                -- when the owner had ended and the receiver had the address; null: not yet
);

insert into rock_mac.prefixes (prefix, first, last, kind, added_by)
values ('a4:58:0f', rock_mac.to_addr('a4:58:0f:00:00:00'), rock_mac.to_addr('a4:58:0f:ff:ff:ff'), 'ieee', 'migration');

insert into rock_mac.pools (name, first, last, next_addr, auto_release, reuse_delay, description, changed_by)
select s.name, rock_mac.to_addr(s.first), rock_mac.to_addr(s.last), rock_mac.to_addr(s.first), s.auto_release, s.reuse_delay, s.description, 'migration'
from (values
  ('production',  'a4:58:0f:00:00:01'::macaddr, 'a4:58:0f:00:ff:ff'::macaddr, null::interval, '7 days'::interval, 'Production hosts'),
  ('development', 'a4:58:0f:01:00:00', 'a4:58:0f:01:ff:ff', '7 days',  '1 day',  'Development VMs'),
  ('experiment',  'a4:58:0f:02:00:00', 'a4:58:0f:02:ff:ff', '1 day',   '1 hour', 'Short experiments'),
  ('vultr',       'a4:58:0f:03:00:00', 'a4:58:0f:03:ff:ff', '30 days', '7 days', 'Vultr instances'),
  ('docker',      'a4:58:0f:04:00:00', 'a4:58:0f:04:ff:ff', '1 day',   '1 hour', 'Docker containers'),
  ('kubernetes',  'a4:58:0f:05:00:00', 'a4:58:0f:05:ff:ff', '1 day',   '1 hour', 'Pods and virtual machines in clusters'),
  ('reserved',    'a4:58:0f:ff:00:00', 'a4:58:0f:ff:ff:ff', null,      '7 days', 'Addresses held until released by force')
) as s(name, first, last, auto_release, reuse_delay, description);
