-- Stock: addresses that are set aside for one process of a webhook, its holder, which answers with them from memory. No clock
-- ends a stock. A row leaves it in one of three ways: the holder or the operator says who got the address, the holder returns
-- what it never answered with, or the operator proves that the holder is gone.

-- Whether it was in a stock when the ledger recovered.
create function rock_mac.is_set_aside(a rock_mac.addresses) returns boolean language sql immutable
  return a.state = 'orphaned' and a.origin = 'replication-gap' and a.owner_kind = 'Webhook';

-- Sets addresses of a pool aside, and returns them. A cluster gets at most a sixteenth of what is free in the pool, so a small or
-- nearly full pool has no stock. Neither has a pool that this cluster limits for each namespace, nor a cluster while creates of one
-- of its namespaces keep failing: answers from stock do not see the cap on pending addresses. A repeated call with the same
-- `p_fill` returns the same addresses.
create function rock_mac.fill_stock(p_cluster text, p_holder text, p_pool text, p_count int, p_fill text, p_ticket text, p_actor text)
returns table (addr bigint, generation bigint, key text)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off as $$
#variable_conflict use_column
declare
  p pools; h stock_holders; ahead bigint; reusable bigint := 0; held bigint; want bigint; fill constant text := 'stock/' || p_fill || '/';
begin
  perform require_reach(p_cluster);
  -- The lock keeps a check of another holder from removing this one at the same time.
  select * into h from stock_holders s where s.holder = p_holder and s.cluster_id = p_cluster for key share;
  select * into p from pools where name = p_pool;
  if h is null or p is null or p.paused or exists (select from pool_limits l where l.cluster_id = p_cluster and l.pool_id = p.pool_id)
     or exists (select from addresses a where a.cluster_id = p_cluster and a.state = 'pending'
                group by a.owner_namespace having count(*) >= (select s.pending_cap from ledger_state s)) then return; end if;
  held := stocked_in(p_cluster, p.pool_id);
  ahead := never_used(p);
  if ahead < (p_count + held) * 16 and expiry_held() is null then
    reusable := (select count(*) from (
      select from addresses a where a.pool_id = p.pool_id and a.state = 'released' and not a.blocked
        and (a.released_at, a.addr) > (p.floor_at, p.floor_addr) and a.released_at <= (select clock()) - p.reuse_delay limit (p_count + held) * 16) r);
  end if;
  -- From here on one fill after the other: two at once would each get the whole share. What is free was counted before, because
  -- allocations wait for this lock.
  perform 1 from pools q where q.pool_id = p.pool_id for no key update;
  return query select a.addr, a.generation, a.holder_key from addresses a
    where a.owner_uid = p_holder and a.cluster_id = p_cluster and a.state = 'stocked' and starts_with(a.holder_key, fill) order by a.addr;
  if found then return; end if;
  want := least(p_count, (ahead + reusable) / 16 - stocked_in(p_cluster, p.pool_id));
  if want <= 0 then return; end if;
  return query
  select r.addr, r.generation, fill || r.ord
  from allocate(p_pool, (
    select jsonb_agg(jsonb_build_object('ord', n, 'key', fill || n, 'state', 'stocked', 'cluster', p_cluster,
      'kind', 'Webhook', 'name', h.pod_name, 'uid', p_holder, 'nic', '', 'ticket', p_ticket, 'requester', p_actor, 'actor', p_actor, 'reason', 'stock'))
    from generate_series(1, want) n), interval '0') r
  where r.outcome = 'allocated'
  order by r.ord;
end $$;

create function rock_mac.stocked_in(p_cluster text, p_pool_id int) returns bigint language sql volatile set search_path = rock_mac, pg_temp set enable_seqscan = off
begin atomic
  select count(*) from addresses a where a.cluster_id = p_cluster and a.state = 'stocked' and a.pool_id = p_pool_id;
end;

-- Reports that a holder lives, and returns the addresses of its stock: which it may answer with, and which it must return. What
-- it has in memory and is not returned here is no stock any more: the ledger failed over, or the cluster was retired.
create function rock_mac.check_stock(p_cluster text, p_holder text, p_pod_name text, p_pod_uid text, p_ticket text)
returns table (addr bigint, generation bigint, key text, usable boolean)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' set enable_seqscan = off as $$
#variable_conflict use_column
declare
  closed text := not_open(); c clusters; is_ours boolean;
begin
  perform require_reach(p_cluster);
  -- The end of a stock may be lost: then an address that a pod has looks as if nobody had answered with it.
  if closed in ('timeline_changed', 'system_changed', 'recovering', 'not_durable') then
    raise exception 'the ledger is %, so no stock is known', closed using errcode = 'object_not_in_prerequisite_state';
  end if;
  select * into c from clusters q where q.cluster_id = p_cluster;
  is_ours := p_ticket is null or c.tickets = '{}' or p_ticket = any (c.tickets);
  -- A copy of the cluster has pods of the same uid: its processes would look like the next ones of these pods. Webhooks of the copy
  -- may still show one of the older tickets. One that starts has just read the last one, or the one before.
  insert into stock_holders (holder, cluster_id, pod_name, pod_uid) select p_holder, p_cluster, p_pod_name, p_pod_uid
  where p_ticket is null or c.tickets = '{}' or p_ticket = any (c.tickets[1:2])
  on conflict do nothing;
  update stock_holders h set seen_at = clock() where h.holder = p_holder and h.cluster_id = p_cluster and is_ours;
  -- Holders that ended long ago and left nothing behind. After a long outage all holders check at once: none waits for another.
  delete from stock_holders d
  where d.holder in (
    select h.holder from stock_holders h
    where h.cluster_id = p_cluster and h.seen_at < clock() - interval '1 day'
      and not exists (select from addresses a where a.owner_uid = h.holder and a.state <> 'released')
    for update skip locked);
  return query
  select a.addr, a.generation, a.holder_key,
         closed is null and is_ours and c.adopted_at is not null and c.retired_at is null and not p.paused
         and not exists (select from pool_limits l where l.cluster_id = p_cluster and l.pool_id = p.pool_id)
         and not a.blocked
  from addresses a join pools p using (pool_id)
  where a.owner_uid = p_holder and a.cluster_id = p_cluster and a.state = 'stocked'
  order by a.addr;
end $$;

-- Records that a holder has dropped what its check in this epoch did not return. Only then can what a recovery has set aside of its
-- stock come back (is_gap_over). The lock keeps the next recovery from setting more aside at the same time. Drops a part in each
-- call, like set_stock_aside(), and returns the number of addresses: 0 if none is left.
create function rock_mac.drop_stock(p_cluster text, p_holder text, p_epoch bigint, p_actor text) returns bigint
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' set enable_seqscan = off as $$
declare addrs bigint[];
begin
  perform be_durable();
  perform require_reach(p_cluster);
  perform 1 from ledger_state s where s.epoch = p_epoch for share;
  if not found then return 0; end if;
  addrs := array(select a.addr from addresses a where a.owner_uid = p_holder and a.cluster_id = p_cluster and is_set_aside(a)
                 order by a.addr limit 2048 for update);
  update addresses a set owner_uid = null, changed_at = clock(), actor = p_actor, reason = 'its holder has dropped it'
  where a.addr = any (addrs);
  return cardinality(addrs);
end $$;

-- Records for whom a holder answered with addresses of its stock: they are pending from then on, as after an allocation.
-- `bound_key` is the holder key that an allocation for the same request would have. If that key already has an address, two
-- answers were given for one object, and it is not known which one was stored. Then this one is pending too, under its own key:
-- the operator binds it, or releases it once no object uses it.
create function rock_mac.assign_stock(p_items jsonb, p_lease interval, p_actor text) returns table (ord int, outcome text)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[]; bound_keys text[]; assigned bigint[];
begin
  select array_agg(i), array_agg(i.addr), array_agg(i.bound_key) into items, addrs, bound_keys from jsonb_populate_recordset(null::item, p_items) i;
  -- A holder forgets what the ledger knows. If a failover loses it afterwards, the holder returns an address that a pod has.
  if not_open() = 'not_durable' then
    raise exception 'no standby would have this answer' using errcode = 'object_not_in_prerequisite_state';
  end if;
  -- A login that lost its cluster is refused, because `not_stocked` means that the answer is known.
  perform require_reach(c.cluster) from (select distinct r.cluster from unnest(items) r) c;
  -- Retiring a cluster reads what it holds. This lock makes one wait for the other.
  perform 1 from clusters c where c.cluster_id in (select r.cluster from unnest(items) r) for key share;
  addrs := lock_addresses(addrs);
  with u as (
    update addresses a set state = 'pending', holder_key = case when r.is_second then a.holder_key else r.bound_key end,
           owner_kind = r.kind, owner_namespace = r.namespace, owner_name = r.name, owner_uid = null, owner_nic = r.nic,
           allocated_at = case when r.is_second then a.allocated_at else clock() end,   -- a token must not be older than that
           changed_at = clock(), expires_at = clock() + p_lease, requester = r.requester, actor = p_actor, reason = r.reason
    from (select d.*, d.nth > 1 or exists (select from addresses h where h.holder_key = d.bound_key and h.holder_key = any (bound_keys)
                                             and h.state <> 'released') as is_second
          from (select i.*, row_number() over (partition by i.bound_key order by i.ord) as nth
                from (select distinct on (addr) * from unnest(items) i order by addr, ord) i) d) r
    where a.addr = r.addr and a.addr = any (addrs) and a.state = 'stocked' and a.holder_key = r.key and a.generation = r.generation
      and a.cluster_id = r.cluster
    returning a.addr)
  select coalesce(array_agg(u.addr), '{}') into assigned from u;
  return query
  select r.ord, case when a.addr is null then 'not_stocked' when a.holder_key = r.bound_key then 'assigned' else 'second' end
  from unnest(items) r left join addresses a on a.addr = r.addr and a.addr = any (assigned);
end $$;

-- Returns addresses of a stock. Those that their living holder never answered with are free at once. Of a holder that is gone,
-- nobody knows which ones it answered with: they wait for the reuse delay. So do those that a recovery has set aside.
create function rock_mac.return_stock(p_items jsonb, p_unused boolean, p_actor text, p_reason text) returns table (ord int, outcome text)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[]; done bigint[];
begin
  select array_agg(i), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  addrs := lock_addresses(addrs);
  with u as (
    update addresses a set state = 'released', changed_at = clock(), actor = p_actor, reason = p_reason,
           released_at = case when p_unused then unseen_release_time(p, interval '0') else release_time(p) end
    from unnest(items) r, pools p
    where a.addr = r.addr and a.addr = any (addrs) and (a.state = 'stocked' or (not p_unused and is_set_aside(a)))
      and a.holder_key = r.key and a.generation = r.generation and p.pool_id = a.pool_id
    returning a.addr)
  select coalesce(array_agg(u.addr), '{}') into done from u;
  return query
  select r.ord, case when r.addr = any (done) then 'returned' else 'not_stocked' end from unnest(items) r;
end $$;
