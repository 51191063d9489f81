-- Prefixes and pools.

create function rock_mac.audit_prefix(p_action text, x rock_mac.prefixes, p_actor text, p_reason text) returns void
language sql volatile set search_path = rock_mac, pg_temp
begin atomic
  select audit_note(p_action, null, 'Prefix/' || x.prefix, jsonb_build_object('prefix', x.prefix, 'kind', x.kind, 'note', nullif(x.note, '')), p_actor, p_reason);
end;

create function rock_mac.audit_pool(p_action text, p rock_mac.pools, p_actor text, p_reason text, p_more jsonb default '{}') returns void
language sql volatile set search_path = rock_mac, pg_temp
begin atomic
  select audit_note(p_action, p.name, 'Pool/' || p.name, p_more || jsonb_build_object('first', to_mac(p.first), 'last', to_mac(p.last),
    'autoReleaseSeconds', extract(epoch from p.auto_release)::bigint, 'reuseDelaySeconds', extract(epoch from p.reuse_delay)::bigint,
    'paused', p.paused, 'strategy', p.strategy, 'description', nullif(p.description, '')), p_actor, p_reason);
end;

-- A prefix decides which addresses every cluster of the ledger takes for its own, so only the owner and the admins change one.
-- Changes come one after the other: the prefix that an addition overlaps could be gone before it is named. Null keeps the kind and
-- the note of a prefix that exists.
create function rock_mac.add_prefix(p_prefix text, p_kind text, p_note text, p_actor text, p_reason text default '') returns table (outcome text, other text)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare
  me reach := reach();
  low bigint := to_addr(rpad(replace(p_prefix, ':', ''), 12, '0')::macaddr);
  high bigint := to_addr(rpad(replace(p_prefix, ':', ''), 12, 'f')::macaddr);
begin
  perform be_durable();
  if not me.everything then return query select 'not_allowed', null; return; end if;
  lock table prefixes in share row exclusive mode;
  update prefixes x set kind = coalesce(p_kind, x.kind), note = coalesce(p_note, x.note)
  where x.prefix = p_prefix and (coalesce(p_kind, x.kind), coalesce(p_note, x.note)) <> (x.kind, x.note);
  if found then
    perform audit_prefix('prefix-change', x, p_actor, p_reason) from prefixes x where x.prefix = p_prefix;
    return query select 'changed', null;
    return;
  end if;
  return query select case when x.prefix = p_prefix then 'unchanged' else 'overlaps' end, x.prefix
               from prefixes x where x.first <= high and x.last >= low order by x.first limit 1;
  if found then return; end if;
  insert into prefixes (prefix, first, last, kind, note, added_by)
  values (p_prefix, low, high, coalesce(p_kind, case when low >> 41 & 1 = 1 then 'local' else 'ieee' end), coalesce(p_note, ''), p_actor);
  perform audit_prefix('prefix-add', x, p_actor, p_reason) from prefixes x where x.prefix = p_prefix;
  return query select 'added', null;
end $$;

-- 'in_use' names the first pool under the prefix.
create function rock_mac.remove_prefix(p_prefix text, p_actor text default session_user, p_reason text default '') returns table (outcome text, pool text)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare me reach := reach(); x prefixes;
begin
  perform be_durable();
  if not me.everything then return query select 'not_allowed', null; return; end if;
  select * into x from prefixes q where q.prefix = p_prefix for update;   -- waits for pools that are being defined under it
  if not found then return query select 'prefix_not_found', null; return; end if;
  return query select 'in_use', p.name from pools p where p.first <= x.last and p.last >= x.first order by p.first limit 1;
  if found then return; end if;
  delete from prefixes q where q.prefix = p_prefix;
  perform audit_prefix('prefix-remove', x, p_actor, p_reason);
  update clusters c set looked_under = array_remove(c.looked_under, p_prefix) where p_prefix = any (c.looked_under);   -- it may be added again
  return query select 'removed', null;
end $$;

-- Whether a range is under one prefix. The lock keeps the prefix from being removed before the pool is stored.
create function rock_mac.is_under_prefix(p_first bigint, p_last bigint) returns boolean
language plpgsql volatile set search_path = rock_mac, pg_temp as $$
begin
  perform 1 from prefixes x where x.first <= p_first and x.last >= p_last for key share;
  return found;
end $$;

-- The ledger owns the definition of pools, so two clusters cannot define one pool differently. A cluster's login may define
-- pools, and change those that it defined. All others belong to the owner and the admins, because every cluster uses them.

create function rock_mac.may_change(p rock_mac.pools) returns boolean language plpgsql stable set search_path = rock_mac, pg_temp as $$
declare me reach := reach();
begin
  return me.everything or p.cluster_id = me.cluster;
end $$;

-- 'conflict': a pool of this name has another range or other periods. The description and the strategy are not compared.
create function rock_mac.define_pool(p_name text, p_first bigint, p_last bigint, p_auto_release interval, p_reuse_delay interval,
  p_strategy text, p_description text, p_actor text, p_reason text default '') returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare
  p pools;
  me reach := reach();
begin
  perform be_durable();
  select * into p from pools where name = p_name;
  if not found then
    if not is_under_prefix(p_first, p_last) then return 'outside_prefix'; end if;
    if not me.everything and coalesce(me.cluster, '') = '' then return 'not_allowed'; end if;
    begin
      insert into pools (name, first, last, next_addr, auto_release, reuse_delay, strategy, description, cluster_id, changed_by)
      values (p_name, p_first, p_last, p_first, p_auto_release, p_reuse_delay, p_strategy, p_description, me.cluster, p_actor)
      on conflict (name) do nothing;
      if found then
        select * into p from pools where name = p_name;
        perform block_observed(p, array(select o.addr from observations o where o.addr between p.first and p.last), p_actor);
        perform audit_pool('pool-add', p, p_actor, p_reason);
        return 'defined';
      end if;
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

-- How many addresses of a pool one namespace of a cluster may hold. Each cluster has its own limits, so they are no part of
-- the definition that all clusters share.
create table rock_mac.pool_limits (
  cluster_id        text collate "C" not null,
  pool_id           int  not null,
  max_per_namespace int  not null check (max_per_namespace > 0),
  primary key (cluster_id, pool_id)
);

-- Sets or (null) removes the limit of a pool for the namespaces of a cluster.
create function rock_mac.limit_pool(p_cluster text, p_name text, p_max int, p_actor text default session_user, p_reason text default '') returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare p pools; before int;
begin
  perform be_durable();
  perform require_reach(p_cluster);
  select * into p from pools where name = p_name for update;   -- a group of allocations that runs now keeps the old limit
  if not found then return 'pool_not_found'; end if;
  select l.max_per_namespace into before from pool_limits l where l.cluster_id = p_cluster and l.pool_id = p.pool_id;
  if before is distinct from p_max then
    perform audit_pool('pool-limit', p, p_actor, p_reason, jsonb_build_object('clusterId', p_cluster, 'maxPerNamespace', p_max, 'before', jsonb_build_object('maxPerNamespace', before)));
  end if;
  delete from pool_limits l where l.cluster_id = p_cluster and l.pool_id = p.pool_id and l.max_per_namespace is distinct from p_max;
  insert into pool_limits (cluster_id, pool_id, max_per_namespace) select p_cluster, p.pool_id, p_max where p_max is not null
  on conflict do nothing;
  return case when p_max is null then 'unlimited' else 'limited' end;
end $$;

-- A pool grows only at its end, beyond which it never handed out anything. The random order of the longer pool is another one, which
-- begins anew and steps over what has a row. It has a new seed: if a failover loses the growth, its repetition must not draw what the
-- lost one drew.
create function rock_mac.grow_pool(p_name text, p_last bigint, p_actor text, p_reason text default '') returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare p pools; ended bigint;
begin
  perform be_durable();
  select * into p from pools where name = p_name for update;
  if not found then return 'pool_not_found'; end if;
  if p_last = p.last then return 'unchanged'; end if;
  if p_last < p.last then return 'would_shrink'; end if;
  if not is_under_prefix(p.first, p_last) then return 'outside_prefix'; end if;
  if may_change(p) is not true then return 'not_allowed'; end if;
  ended := p.last;
  update pools set last = p_last, draws = 0, seed = default, drawn_before = p.last - p.first + 1 - floor(never_drawn(p)), changed_by = p_actor where pool_id = p.pool_id returning * into p;
  perform audit_pool('pool-grow', p, p_actor, p_reason, jsonb_build_object('before', jsonb_build_object('last', to_mac(ended))));
  perform block_observed(p, array(select o.addr from observations o where o.addr between p.first and p.last), p_actor);
  return 'grown';
exception when exclusion_violation then
  return 'overlaps';
end $$;

-- A cluster resumes only a pool that its own MacPool paused: its operator must not undo what a person, or another cluster, has
-- decided. A person (without p_cluster) pauses and resumes any pool. What a person paused, no cluster resumes.
create function rock_mac.pause_pool(p_name text, p_paused boolean, p_actor text, p_cluster text default null, p_reason text default '') returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare p pools; was_paused boolean;
begin
  perform be_durable();
  if p_cluster is not null then perform require_reach(p_cluster); end if;
  select * into p from pools where name = p_name for update;
  if not found then return 'pool_not_found'; end if;
  if p.paused = p_paused and (p_cluster is not null or p.paused_by is null) then return 'unchanged'; end if;
  if p_cluster is not null and not p_paused and p.paused_by is distinct from p_cluster then return 'paused_elsewhere'; end if;
  if may_change(p) is not true then return 'not_allowed'; end if;
  was_paused := p.paused;
  update pools set paused = p_paused, paused_by = case when p_paused then p_cluster end, changed_by = p_actor where pool_id = p.pool_id returning * into p;
  if p.paused <> was_paused then perform audit_pool(case when p_paused then 'pool-pause' else 'pool-resume' end, p, p_actor, p_reason); end if;
  return case when p_paused then 'paused' else 'resumed' end;
end $$;

-- Changes the order in which a pool hands out addresses that were never used. Each order keeps its cursor meanwhile.
--
-- A cluster makes a pool sequential again only if its own MacPool made it random, for the reason of pause_pool(): otherwise two
-- clusters whose MacPools differ would change it in turn.
create function rock_mac.set_pool_strategy(p_name text, p_strategy text, p_actor text, p_cluster text default null, p_reason text default '') returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare p pools;
begin
  perform be_durable();
  if p_cluster is not null then perform require_reach(p_cluster); end if;
  select * into p from pools where name = p_name for update;
  if not found then return 'pool_not_found'; end if;
  if p.strategy = p_strategy and (p_cluster is not null or p.random_by is null) then return 'unchanged'; end if;
  if p_cluster is not null and p_strategy = 'sequential' and p.random_by is distinct from p_cluster then return 'random_elsewhere'; end if;
  if may_change(p) is not true then return 'not_allowed'; end if;
  update pools set strategy = p_strategy, random_by = case when p_strategy = 'random' then p_cluster end, changed_by = p_actor where pool_id = p.pool_id returning * into p;
  perform audit_pool('pool-strategy', p, p_actor, p_reason);
  return 'changed';
end $$;

-- Removes a pool that never handed out an address. Pauses any other pool, to keep its rows and their history. A pool that a cluster
-- paused in this way, it resumes when its MacPool is created again. Nothing blocks the observed addresses again then, so they stay.
create function rock_mac.remove_pool(p_name text, p_actor text, p_cluster text default null, p_reason text default '') returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare p pools;
begin
  perform be_durable();
  if p_cluster is not null then perform require_reach(p_cluster); end if;
  select * into p from pools where name = p_name for update;
  if not found then return 'pool_not_found'; end if;
  if may_change(p) is not true then return 'not_allowed'; end if;
  if exists (select 1 from addresses a where a.addr between p.first and p.last and a.state <> 'released') then return 'in_use'; end if;
  if exists (select 1 from addresses a where a.addr between p.first and p.last and a.generation > 0) then
    if p.paused then return 'paused'; end if;
    update pools set paused = true, paused_by = p_cluster, changed_by = p_actor where pool_id = p.pool_id returning * into p;
    perform audit_pool('pool-pause', p, p_actor, p_reason);
    return 'paused';
  end if;
  delete from addresses a where a.addr between p.first and p.last;   -- observed, never handed out
  delete from pools where pool_id = p.pool_id;
  perform audit_pool('pool-remove', p, p_actor, p_reason);
  return 'removed';
end $$;
