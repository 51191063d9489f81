-- The ledger owns the definition of pools, so two clusters cannot define one pool differently.

-- 'conflict': a pool of this name has another range or other periods. The description is not compared.
create function rock_mac.define_pool(p_name text, p_first bigint, p_last bigint, p_auto_release interval, p_reuse_delay interval,
  p_description text, p_actor text) returns text
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare
  p pools;
  low bigint := (select to_addr(rpad(prefix, 17, ':00')::macaddr) from ledger_state);
  high bigint := (select to_addr(rpad(prefix, 17, ':ff')::macaddr) from ledger_state);
begin
  perform be_durable();
  select * into p from pools where name = p_name;
  if not found then
    if p_first < low or p_last > high then return 'outside_prefix'; end if;
    begin
      insert into pools (name, first, last, next_addr, auto_release, reuse_delay, description, changed_by)
      values (p_name, p_first, p_last, p_first, p_auto_release, p_reuse_delay, p_description, p_actor)
      on conflict (name) do nothing;
      if found then return 'defined'; end if;
    exception when exclusion_violation then null;         -- overlaps another pool, or this one was defined concurrently
    end;
    select * into p from pools where name = p_name;
    if not found then return 'overlaps'; end if;
  end if;
  if (p.first, p.last, p.auto_release, p.reuse_delay) is not distinct from (p_first, p_last, p_auto_release, p_reuse_delay) then
    return 'unchanged';
  end if;
  return 'conflict';
end $$;

-- A pool grows only at its end, beyond which it never handed out anything.
create function rock_mac.grow_pool(p_name text, p_last bigint, p_actor text) returns text
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare
  p pools;
  high bigint := (select to_addr(rpad(prefix, 17, ':ff')::macaddr) from ledger_state);
begin
  perform be_durable();
  select * into p from pools where name = p_name for update;
  if not found then return 'pool_not_found'; end if;
  if p_last = p.last then return 'unchanged'; end if;
  if p_last < p.last then return 'would_shrink'; end if;
  if p_last > high then return 'outside_prefix'; end if;
  update pools set last = p_last, changed_by = p_actor where pool_id = p.pool_id;
  return 'grown';
exception when exclusion_violation then
  return 'overlaps';
end $$;

create function rock_mac.pause_pool(p_name text, p_paused boolean, p_actor text) returns text
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare p pools;
begin
  perform be_durable();
  select * into p from pools where name = p_name for update;
  if not found then return 'pool_not_found'; end if;
  if p.paused = p_paused then return 'unchanged'; end if;
  update pools set paused = p_paused, changed_by = p_actor where pool_id = p.pool_id;
  return case when p_paused then 'paused' else 'resumed' end;
end $$;

-- Removes a pool that never handed out an address. Pauses any other pool, to keep its rows and their history.
create function rock_mac.remove_pool(p_name text, p_actor text) returns text
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare p pools;
begin
  perform be_durable();
  select * into p from pools where name = p_name for update;
  if not found then return 'pool_not_found'; end if;
  if exists (select 1 from addresses a where a.addr between p.first and p.last and a.state <> 'released') then return 'in_use'; end if;
  if exists (select 1 from addresses a where a.addr between p.first and p.last) then
    update pools set paused = true, changed_by = p_actor where pool_id = p.pool_id;
    return 'paused';
  end if;
  delete from pools where pool_id = p.pool_id;
  return 'removed';
end $$;

-- The uid of its kube-system namespace identifies a cluster. Its name is for people and may change.
create function rock_mac.register_cluster(p_cluster text, p_name text, p_actor text) returns text
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare c clusters;
begin
  perform be_durable();
  insert into clusters (cluster_id, name, changed_by) values (p_cluster, p_name, p_actor) on conflict (cluster_id) do nothing;
  if found then return 'registered'; end if;
  select * into c from clusters where cluster_id = p_cluster for update;
  if c.retired_at is not null then return 'retired'; end if;
  if c.name <> p_name then update clusters set name = p_name, changed_by = p_actor where cluster_id = p_cluster; end if;
  return 'known';
end $$;

-- Ends the initial sync: every MAC of the ledger's prefix on live objects is recorded. `p_epoch` is the epoch in which
-- the cluster began to list them. Records from before a failover may be lost.
create function rock_mac.mark_adopted(p_cluster text, p_epoch bigint, p_actor text) returns text
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare s ledger_state; c clusters;
begin
  perform be_durable();
  select * into s from ledger_state for update;              -- excludes a concurrent recovery
  select * into c from clusters where cluster_id = p_cluster for update;
  if not found then return 'not_registered'; end if;
  if c.retired_at is not null then return 'retired'; end if;
  if c.adopted_at is not null then return 'unchanged'; end if;
  if s.epoch <> p_epoch then return 'wrong_epoch'; end if;
  update clusters set adopted_at = clock(), reported_epoch = p_epoch, changed_by = p_actor where cluster_id = p_cluster;
  return 'adopted';
end $$;

-- Retires a cluster. The addresses that it holds become orphaned: visible, and released only by force, because nobody
-- can check their objects any more. Works in slices; `left_over` is the number of rows for the next calls.
create function rock_mac.retire_cluster(p_cluster text, p_slice int, p_actor text) returns table (outcome text, orphaned bigint, left_over bigint)
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '2s' set enable_seqscan = off as $$
#variable_conflict use_column
begin
  perform be_durable();
  -- With the pool locks, every allocation or adoption that found the cluster alive is visible afterwards.
  if exists (select 1 from clusters c where c.cluster_id = p_cluster and c.retired_at is null) then
    perform 1 from pools order by pool_id for no key update;
  end if;
  perform 1 from ledger_state for update;                    -- the lock order of a recovery, which may wait for this cluster
  perform 1 from clusters c where c.cluster_id = p_cluster for update;
  if not found then return query select 'not_registered', 0::bigint, 0::bigint; return; end if;
  update clusters set retired_at = clock(), changed_by = p_actor where cluster_id = p_cluster and retired_at is null;
  outcome := case when found then 'retired' else 'unchanged' end;
  with slice as (
    select a.addr from addresses a where a.cluster_id = p_cluster and a.state in ('pending', 'active') order by a.addr limit p_slice for update),
  u as (
    update addresses a set state = 'orphaned', expires_at = null, missing_since = null, changed_at = clock(), actor = p_actor, reason = 'cluster retired'
    from slice where a.addr = slice.addr returning 1)
  select count(*) into orphaned from u;
  select count(*) into left_over from addresses a where a.cluster_id = p_cluster and a.state in ('pending', 'active');
  perform open_if_ready();
  return next;
end $$;
