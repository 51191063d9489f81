-- Seen is not granted: addresses that live objects use and that the ledger did not give to them. An observation keeps an
-- address from being handed out while it is seen. It gives no rights: no owner, no mirror, no place before an owner.
-- Addresses of other prefixes are never handed out. Their observations show who uses an address that another object uses too.

-- One row per interface that uses such an address. An address can be owned and observed, observed on several objects,
-- and observed outside every pool. That is why it is no state of the address.
create table rock_mac.observations (
  addr           bigint not null,
  cluster_id     text collate "C" not null check (octet_length(cluster_id) between 1 and 64),
  uid            text collate "C" not null check (octet_length(uid) between 1 and 128),   -- of the object
  nic            text collate "C" not null check (octet_length(nic) <= 512),
  kind           text collate "C" not null check (octet_length(kind) between 1 and 64),
  namespace      text collate "C" not null check (octet_length(namespace) <= 253),
  name           text collate "C" not null check (octet_length(name) between 1 and 253),
  limited        boolean not null,              -- nobody in its namespace may use the pool, so it counts toward the limits
  outside        boolean not null,              -- in no pool when it was recorded, so it counts toward a limit of its own
  migrates       boolean not null,              -- an instance that names a migration: it may be the guest of another machine
  running        boolean not null,              -- the object runs, as of the last report
  segment        text collate "C" not null check (octet_length(segment) <= 253),   -- only addresses of one segment can meet
  observed_since timestamptz not null,
  changed_at     timestamptz not null,          -- when its object was last reported with another state
  primary key (addr, cluster_id, uid, nic)
);
create index observations_object  on rock_mac.observations (cluster_id, uid);
create index observations_limited on rock_mac.observations (cluster_id, namespace, outside) where limited;
create index observations_changed on rock_mac.observations (changed_at);   -- clusters ask what is new elsewhere
create index observations_in_pool on rock_mac.observations (addr) where limited;

-- Keeps the observed addresses of a pool from being handed out: `blocked` takes them out of the queue of released ones. An
-- address that was never used gets a row of generation 0, so the cursor steps over it as over any used one. Its release
-- time is long past: its first owner may get it by request.
create function rock_mac.block_observed(p rock_mac.pools, p_addrs bigint[], p_actor text) returns void
language sql volatile set search_path = rock_mac, pg_temp
begin atomic
  insert into addresses as a (addr, pool_id, state, generation, origin, holder_key, allocated_at, changed_at, released_at, requester, actor, reason, blocked)
  select o.addr, p.pool_id, 'released', 0, 'observe', 'observed/' || o.addr, clock(), clock(), to_timestamp(0), p_actor, p_actor, 'in use, granted to nobody', true
  from (select distinct b.addr from observations b where b.addr = any (p_addrs) and b.addr between p.first and p.last) o
  where not exists (select from addresses x where x.addr = o.addr and x.blocked)
  order by o.addr
  on conflict (addr) do update set blocked = true where not a.blocked;
end;

-- How many addresses of pools the objects of one namespace may keep from others, and how many of a pool those of all namespaces.
create function rock_mac.observed_per_namespace() returns int language sql immutable return 64;
create function rock_mac.observed_share(p rock_mac.pools) returns bigint language sql immutable return greatest(1, (p.last - p.first + 1) / 8);

-- Records observations. Repeating one changes nothing. An item that does not say whether its object runs is of a recovery, which knows
-- less than the last resync: it leaves the rest of an observation as it is. Otherwise it would end the limits of all that it reports.
--
-- The limits keep a user without rights from blocking a pool: 64 addresses per object and per namespace, and an eighth of
-- a pool over all namespaces. They hold for items that are `limited`. An address beyond a limit is not protected. An address
-- in no pool needs no protection, so a namespace may have 8,192 of them: the number bounds what one tenant makes others store.
--
-- The pool locks keep a group of allocations from choosing the same address between its own choice and its write.
create function rock_mac.observe(p_items jsonb, p_actor text) returns table (ord int, outcome text)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' set enable_seqscan = off as $$
#variable_conflict use_column
declare
  per_object constant int := 64;
  per_namespace_outside constant int := 8192;
  items item[]; i record; p pools; used jsonb; me reach := reach();
  in_namespaces jsonb;                                    -- how many limited ones a namespace has: in pools ('{cluster,namespace,f}'), and outside
begin
  perform be_durable();
  select array_agg(r) into items from jsonb_populate_recordset(null::item, p_items) r;
  perform 1 from pools q where exists (select 1 from unnest(items) r where r.addr between q.first and q.last) order by q.pool_id for no key update;
  -- Addresses under no pool have no pool lock: a retirement that ends the observations of a cluster would miss those written meanwhile.
  perform 1 from clusters c where c.cluster_id in (select r.cluster from unnest(items) r) order by c.cluster_id for key share;
  used := (select coalesce(jsonb_object_agg(q.pool_id, (select count(*) from observations o where o.limited and o.addr between q.first and q.last)), '{}')
           from pools q where exists (select 1 from unnest(items) r where r.addr between q.first and q.last));
  in_namespaces := (select coalesce(jsonb_object_agg(n.place, (
                      select count(*) from observations o
                      where o.limited and o.cluster_id = n.cluster and o.namespace = n.namespace and o.outside = n.outside)), '{}')
                    from (select distinct r.cluster, r.namespace, x.outside, array[r.cluster, r.namespace, x.outside::text]::text as place
                          from unnest(items) r cross join (values (true), (false)) x (outside)) n);
  for i in select r.*, q.pool_id, observed_share(q) as share,
                  q.pool_id is null as outside, array[r.cluster, r.namespace, (q.pool_id is null)::text]::text as place
           from unnest(items) r left join pools q on r.addr between q.first and q.last
           order by r.ord
  loop
    ord := i.ord;
    if not exists (select 1 from clusters c where c.cluster_id = i.cluster and c.retired_at is null and (me.everything or c.cluster_id = me.cluster)) then
      outcome := 'not_registered';
    elsif exists (select 1 from observations o where o.addr = i.addr and o.cluster_id = i.cluster and o.uid = i.uid and o.nic = i.nic) then
      update observations o set limited = case when i.running is null then o.limited else i.limited end, migrates = coalesce(i.migrates, false),
        running = coalesce(i.running, o.running), segment = coalesce(i.segment, o.segment), changed_at = clock()
      where o.addr = i.addr and o.cluster_id = i.cluster and o.uid = i.uid and o.nic = i.nic
        and (o.limited, o.migrates, o.running, o.segment) <>
          (case when i.running is null then o.limited else i.limited end, coalesce(i.migrates, false), coalesce(i.running, o.running), coalesce(i.segment, o.segment));
      outcome := 'known';
    elsif i.limited and (
         per_object <= (select count(*) from observations o where o.cluster_id = i.cluster and o.uid = i.uid)
      or case when i.outside then per_namespace_outside else observed_per_namespace() end <= (in_namespaces->>i.place)::bigint
      or coalesce((used->>i.pool_id::text)::bigint >= i.share, false)) then
      outcome := 'over_limit';
    else
      insert into observations (addr, cluster_id, uid, nic, kind, namespace, name, limited, outside, migrates, running, segment, observed_since, changed_at)
      values (i.addr, i.cluster, i.uid, i.nic, i.kind, i.namespace, i.name, i.limited, i.outside, coalesce(i.migrates, false), coalesce(i.running, false), coalesce(i.segment, ''), clock(), clock());
      if i.limited then
        in_namespaces := in_namespaces || jsonb_build_object(i.place, (in_namespaces->>i.place)::bigint + 1);
        if i.pool_id is not null then used := used || jsonb_build_object(i.pool_id, (used->>i.pool_id::text)::bigint + 1); end if;
      end if;
      outcome := 'observed';
    end if;
    return next;
  end loop;
  for p in select * from pools q where exists (select 1 from unnest(items) r where r.addr between q.first and q.last) order by q.pool_id loop
    perform block_observed(p, array(select r.addr from unnest(items) r), p_actor);
  end loop;
end $$;

-- Applies the limits to addresses that were recorded in no pool and are in one by now. A pool that is defined or grows blocks all of
-- them, because only their cluster knows who may use the pool. Its next resync says so, and then calls this with the ranges (first and
-- last in turn) that it knew. The oldest stay, within the limits; the others end. Returns how many of a slice it looked at.
create function rock_mac.limit_observations(p_cluster text, p_ranges bigint[], p_slice int) returns table (looked_at int, ended int)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' set enable_seqscan = off as $$
#variable_conflict use_column
declare o record; addrs bigint[]; over bigint[] := '{}'; used jsonb := '{}';   -- how many limited ones a pool has, by its id
begin
  perform be_durable();
  perform require_reach(p_cluster);
  looked_at := 0;
  -- In the order of observe(), which counts the same rows and blocks the same addresses.
  perform 1 from pools q
  where exists (select 1 from observations x where x.limited and x.outside and x.cluster_id = p_cluster and x.addr between q.first and q.last)
  order by q.pool_id for no key update;
  addrs := array(select x.addr from observations x
                 where x.limited and x.outside and x.cluster_id = p_cluster
                   and exists (select from pools q where x.addr between q.first and q.last)
                   and exists (select from generate_series(1, cardinality(p_ranges), 2) at where x.addr between p_ranges[at] and p_ranges[at + 1])
                 order by x.observed_since, x.addr limit p_slice);
  perform 1 from addresses a where a.addr = any (addrs) order by a.addr for update;   -- in the order of lock_addresses()
  for o in select x.addr, x.uid, x.nic, x.namespace, q.pool_id, observed_share(q) as share, q.first, q.last
           from observations x join pools q on x.addr between q.first and q.last
           where x.addr = any (addrs) and x.limited and x.outside and x.cluster_id = p_cluster
           order by x.observed_since, x.addr, x.uid, x.nic
  loop
    looked_at := looked_at + 1;
    if used->o.pool_id::text is null then
      used := used || jsonb_build_object(o.pool_id, (select count(*) from observations x where x.limited and not x.outside and x.addr between o.first and o.last));
    end if;
    if (used->>o.pool_id::text)::bigint < o.share
       and (select count(*) from observations x where x.limited and not x.outside and x.cluster_id = p_cluster and x.namespace = o.namespace) < observed_per_namespace() then
      update observations x set outside = false where x.addr = o.addr and x.cluster_id = p_cluster and x.uid = o.uid and x.nic = o.nic;
      used := used || jsonb_build_object(o.pool_id, (used->>o.pool_id::text)::bigint + 1);
    else
      delete from observations x where x.addr = o.addr and x.cluster_id = p_cluster and x.uid = o.uid and x.nic = o.nic;
      over := over || o.addr;
    end if;
  end loop;
  perform unblock(over);
  ended := cardinality(over);
  return next;
end $$;

-- Unblocks addresses that nothing observes any more. Their reuse delay starts now, as after a release.
create function rock_mac.unblock(p_addrs bigint[]) returns void
language sql volatile set search_path = rock_mac, pg_temp set enable_seqscan = off
begin atomic
  update addresses a set blocked = false, released_at = case when a.state = 'released' then release_time(p) end
  from pools p
  where a.addr = any (p_addrs) and a.blocked and p.pool_id = a.pool_id
    and not exists (select 1 from observations o where o.addr = a.addr);
end;

-- Ends the observations of the objects that own their addresses now.
create function rock_mac.end_observations_of_owners(items rock_mac.item[]) returns void
language plpgsql volatile set search_path = rock_mac, pg_temp set enable_seqscan = off as $$
declare addrs bigint[] := array(select r.addr from unnest(items) r); ended bigint[];
begin
  with gone as (
    delete from observations o using unnest(items) r
    where o.addr = r.addr and o.addr = any (addrs) and o.cluster_id = r.cluster and o.uid = r.uid
      and exists (select 1 from addresses a where a.addr = o.addr and a.addr = any (addrs) and a.holder_key = r.key and a.state <> 'released')
    returning o.addr)
  select array_agg(g.addr) into ended from gone g;
  if ended is not null then perform unblock(ended); end if;
end $$;

-- Ends observations: their object is gone, no longer uses the address, or has become its owner. The pool locks keep
-- another cluster from observing the same address between the deletion and the unblocking.
create function rock_mac.end_observations(p_items jsonb) returns bigint
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' set enable_seqscan = off as $$
declare
  items item[]; addrs bigint[]; ended bigint; me reach := reach();
begin
  select array_agg(r), array_agg(r.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) r;
  perform 1 from pools q where exists (select 1 from unnest(addrs) r where r between q.first and q.last) order by q.pool_id for no key update;
  -- In the order of lock_addresses(), but whoever owns them: the caller observed what is not its own.
  perform 1 from addresses a where a.addr = any (addrs) order by a.addr for update;
  delete from observations o using unnest(items) r
  where (me.everything or o.cluster_id = me.cluster) and o.addr = r.addr and o.cluster_id = r.cluster and o.uid = r.uid and o.nic = r.nic;
  get diagnostics ended = row_count;
  perform unblock(addrs);
  return ended;
end $$;
