-- Clusters: registration, the end of the initial sync, and retirement.

-- The uid of its kube-system namespace identifies a cluster. Its name is for people and may change. The first registration
-- by a login binds it to the new cluster. Only an admin binds a login to a known cluster: its addresses come with it.
create function rock_mac.register_cluster(p_cluster text, p_name text, p_actor text) returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare c clusters; me reach := reach(); bound boolean := coalesce(me.everything or me.cluster <> '', true);
begin
  perform be_durable();
  if bound then perform require_reach(p_cluster); end if;
  insert into clusters (cluster_id, name, changed_by) values (p_cluster, p_name, p_actor) on conflict (cluster_id) do nothing;
  if found then
    if not bound then insert into cluster_logins (login, cluster_id) values (session_user, p_cluster); end if;
    return 'registered';
  end if;
  if not bound then return 'not_bound'; end if;
  select * into c from clusters where cluster_id = p_cluster for update;
  if c.retired_at is not null then return 'retired'; end if;
  if c.name <> p_name then update clusters set name = p_name, changed_by = p_actor where cluster_id = p_cluster; end if;
  return 'known';
end $$;

create function rock_mac.audit_cluster(p_action text, p_cluster text, p_actor text, p_reason text, p_details jsonb default '{}') returns void
language sql volatile set search_path = rock_mac, pg_temp
begin atomic
  select audit_note(p_action, null, 'Cluster/' || c.name, p_details || jsonb_build_object('clusterId', c.cluster_id), p_actor, p_reason) from clusters c where c.cluster_id = p_cluster;
end;

-- Gives a login a cluster: for a second login of a cluster, or one that registered before logins were bound.
create function rock_mac.bind_login(p_login text, p_cluster text, p_actor text default session_user, p_reason text default '') returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
begin
  perform be_durable();
  if not exists (select from clusters c where c.cluster_id = p_cluster) then return 'not_registered'; end if;
  insert into cluster_logins as l (login, cluster_id) values (p_login, p_cluster)
  on conflict (login) do update set cluster_id = excluded.cluster_id, bound_at = clock(), bound_by = session_user
    where l.cluster_id <> excluded.cluster_id;
  if found then perform audit_cluster('cluster-bind', p_cluster, p_actor, p_reason, jsonb_build_object('login', p_login)); end if;
  return 'bound';
end $$;

-- Ends the initial sync: every MAC of the ledger's prefixes on live objects is recorded. `p_epoch` is the epoch in which
-- the cluster began to list them. Records from before a failover may be lost.
create function rock_mac.mark_adopted(p_cluster text, p_epoch bigint, p_actor text) returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare s ledger_state; c clusters;
begin
  perform be_durable();
  perform require_reach(p_cluster);
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
-- can check their objects any more. So does what a recovery has set aside of its stocks: no more part of a replication gap. What it
-- has observed ends: it will never report the end of an object. Works in slices; `left_over` is the number of rows for the next calls.
create function rock_mac.retire_cluster(p_cluster text, p_slice int, p_actor text, p_reason text default 'cluster retired') returns table (outcome text, orphaned bigint, left_over bigint)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' set enable_seqscan = off as $$
#variable_conflict use_column
declare held bigint[]; seen bigint[];
begin
  perform be_durable();
  -- With the pool locks, every allocation or adoption that found the cluster alive is visible afterwards. They also keep another
  -- cluster from observing the same address between the end of an observation and the unblocking.
  if exists (select 1 from clusters c where c.cluster_id = p_cluster and c.retired_at is null)
     or exists (select 1 from observations o where o.cluster_id = p_cluster) then
    perform 1 from pools order by pool_id for no key update;
  end if;
  perform 1 from ledger_state for update;                    -- the lock order of a recovery, which may wait for this cluster
  perform 1 from clusters c where c.cluster_id = p_cluster for update;
  if not found then return query select 'not_registered', 0::bigint, 0::bigint; return; end if;
  update clusters set retired_at = clock(), changed_by = p_actor where cluster_id = p_cluster and retired_at is null;
  outcome := case when found then 'retired' else 'unchanged' end;
  if outcome = 'retired' then perform audit_cluster('cluster-retire', p_cluster, p_actor, p_reason); end if;
  held := array(
    select a.addr from addresses a where a.cluster_id = p_cluster and (a.state in ('stocked', 'pending', 'active') or is_set_aside(a))
    order by a.addr limit p_slice);
  seen := array(select o.addr from observations o where o.cluster_id = p_cluster order by o.uid limit p_slice);
  perform 1 from addresses a where a.addr = any (held || seen) order by a.addr for update;   -- in the order of lock_addresses()
  with u as (
    update addresses a set state = 'orphaned', origin = case a.origin when 'replication-gap' then 'allocate' else a.origin end,
           expires_at = null, missing_since = null, unreachable_node = null, changed_at = clock(), actor = p_actor, reason = p_reason
    where a.addr = any (held) and a.cluster_id = p_cluster and (a.state in ('stocked', 'pending', 'active') or is_set_aside(a)) returning 1)
  select count(*) into orphaned from u;
  delete from observations o where o.cluster_id = p_cluster and o.addr = any (seen);
  perform unblock(seen);
  select (select count(*) from addresses a where a.cluster_id = p_cluster and (a.state in ('stocked', 'pending', 'active') or is_set_aside(a)))
       + (select count(*) from observations o where o.cluster_id = p_cluster) into left_over;
  perform open_if_ready();
  return next;
end $$;
