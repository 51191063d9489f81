-- The end of an owner: release, release of an expired lease, and a reserved address whose claim was deleted.

-- The release time never falls below the floor of the queue, even if the clock of a new primary is behind.
create function rock_mac.release_time(p rock_mac.pools) returns timestamptz language sql volatile set search_path = rock_mac, pg_temp
  return greatest(clock(), p.floor_at + interval '1 microsecond');

-- The release time of an address that was never seen on an object. Such an address is free after `p_wait` instead of the
-- reuse delay, so its release time is set back: refused creates would otherwise use up a pool.
create function rock_mac.unseen_release_time(p rock_mac.pools, p_wait interval) returns timestamptz language sql volatile set search_path = rock_mac, pg_temp
  return greatest(clock() - p.reuse_delay + least(p_wait, p.reuse_delay), p.floor_at + interval '1 microsecond');

-- Force overrides the state, but not a consumer of a living cluster. A pod or VM may have taken the claim since the
-- caller read it. Without force, a sticky address is not released while its last pod may still run. A cluster may force the
-- release of its own addresses; of those of devices, the owner and admins may. `end_unseen`: a pod may still run with the address, and
-- then its own namespace waits for the reuse delay as all others do (0004-allocate.sql).
create function rock_mac.release(p_items jsonb, p_force boolean, p_actor text, p_reason text)
returns table (ord int, outcome text) language plpgsql volatile security definer
set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[]; done bigint[]; me reach := reach();
begin
  select array_agg(i), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  addrs := lock_addresses(addrs);
  p_force := p_force and (me.everything or me.cluster is not null);
  with u as (
    update addresses a set state = 'released', released_at = release_time(p), end_unseen = coalesce(r.end_unseen, false), changed_at = clock(), expires_at = null, missing_since = null,
           unreachable_node = null, kept_since = null, consumer_key = null, consumer_kind = null, consumer_name = null, consumer_uid = null,
           consumer_nic = null, consumer_expires_at = null, actor = p_actor, reason = p_reason
    from unnest(items) r, pools p
    where a.addr = r.addr and a.addr = any (addrs) and a.generation = r.generation and a.holder_key = r.key and p.pool_id = a.pool_id
      and (a.state in ('pending', 'active') or (p_force and a.state <> 'released'))
      and (a.unreachable_node is null or p_force)
      and (a.consumer_key is null
           or (p_force and not exists (select 1 from clusters c where c.cluster_id = a.cluster_id and c.retired_at is null)))
    returning a.addr)
  select array_agg(u.addr) into done from u;
  return query
  select r.ord, case when a.addr is null then 'unknown'
                     when a.generation <> r.generation or a.holder_key <> r.key then 'not_owner'
                     when a.addr = any (done) then 'released'
                     when a.state = 'released' then 'already_released'
                     when a.unreachable_node is not null and not p_force then 'unreachable'
                     when a.state = 'active' or p_force then 'has_consumer'
                     else 'needs_force' end
  from unnest(items) r left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

-- Releases pending rows that an admission allocated and did not answer with, because another of its requests was refused.
-- The key of an object without a name belongs to one admission, so nobody else has the address: it is free at once.
-- Two admissions of one named object share a key, and the other may have answered with the address.
create function rock_mac.roll_back(p_items jsonb, p_actor text, p_reason text)
returns table (ord int, outcome text) language plpgsql volatile security definer
set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[]; done bigint[];
begin
  select array_agg(i), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  addrs := lock_addresses(addrs);
  with u as (
    update addresses a set state = 'released', changed_at = clock(), expires_at = null, actor = p_actor, reason = p_reason,
           released_at = unseen_release_time(p, case when a.holder_key like 'lease/%' then interval '0' else interval '10 minutes' end)
    from unnest(items) r, pools p
    where a.addr = r.addr and a.addr = any (addrs) and a.generation = r.generation and a.holder_key = r.key and p.pool_id = a.pool_id
      and a.state = 'pending'
    returning a.addr)
  select array_agg(u.addr) into done from u;
  return query
  select r.ord, case when a.addr is null then 'unknown'
                     when a.addr = any (done) then 'released'
                     when a.generation <> r.generation or a.holder_key <> r.key then 'not_owner'
                     when a.state = 'released' then 'already_released'
                     else 'bound' end
  from unnest(items) r left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

-- Releases addresses of a cluster whose time is over: pending rows whose lease has expired, after the operator found no
-- object that uses them, and claims. The time is compared again, because a caller may have renewed it since the operator
-- read the row. Pending rows wait ten minutes at most: an object that lived and died unseen is the only way in which
-- somebody could have used them.
create function rock_mac.release_expired(p_items jsonb, p_actor text, p_reason text)
returns table (ord int, outcome text) language plpgsql volatile security definer
set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[]; done bigint[]; held text;
begin
  select array_agg(i), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  addrs := lock_addresses(addrs);
  held := expiry_held();
  with u as (
    update addresses a set state = 'released', changed_at = clock(), expires_at = null, missing_since = null, actor = p_actor, reason = p_reason,
           released_at = case a.state when 'pending' then unseen_release_time(p, interval '10 minutes') else release_time(p) end
    from unnest(items) r, pools p
    where a.addr = r.addr and a.addr = any (addrs) and a.generation = r.generation and a.holder_key = r.key and p.pool_id = a.pool_id
      -- As a `case`, so that the plan looks the addresses up and does not walk through all those of clusters.
      and case a.state when 'pending' then true when 'active' then a.cluster_id is not null and a.consumer_key is null else false end
      and a.expires_at < clock() and held is null
    returning a.addr)
  select array_agg(u.addr) into done from u;
  return query
  select r.ord, case when a.addr is null then 'unknown'
                     when a.addr = any (done) then 'released'
                     when a.generation <> r.generation or a.holder_key <> r.key then 'not_owner'
                     when a.state = 'released' then 'already_released'
                     when held is not null then 'held'
                     when a.consumer_key is not null then 'has_consumer'
                     else 'renewed' end
  from unnest(items) r left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

-- Releases devices of a pool that expired at least `p_grace` ago, and returns their addresses. The rows stay locked from
-- the check to the release, so no renewal can fall in between. Nothing expires while the ledger is closed: after a
-- failover a renewal may be missing, and the recovery covers that. Nor while its clock is not believed.
create function rock_mac.release_expired_devices(p_pool text, p_grace interval, p_limit int, p_actor text) returns setof bigint
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' as $$
declare
  me reach := reach();
  due jsonb := (
    select jsonb_agg(jsonb_build_object('ord', 0, 'addr', d.addr, 'generation', d.generation, 'key', d.holder_key)) from (
      select a.addr, a.generation, a.holder_key from addresses a join pools p using (pool_id)
      where a.state = 'active' and a.cluster_id is null and a.expires_at < (select clock()) - p_grace and p.name = p_pool
        and (select not_open()) is null and (select expiry_held()) is null and (me.everything or me.cluster is null)
      order by a.addr limit p_limit for update of a skip locked) d);
begin
  perform release(due, false, p_actor, 'expired') where due is not null;
  return query select (d->>'addr')::bigint from jsonb_array_elements(due) d;
end $$;

-- Keeps a reserved row after its claim was deleted without force. The next claim of its namespace that requests the
-- address gets it. A claim with a consumer is not kept: one may have arrived since the caller read the row.
create function rock_mac.keep_reserved(p_items jsonb, p_actor text, p_reason text) returns table (ord int, outcome text)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[];
begin
  select array_agg(i), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  addrs := lock_addresses(addrs);
  update addresses a set kept_since = clock(), changed_at = clock(), actor = p_actor, reason = p_reason
  from unnest(items) r
  where a.addr = r.addr and a.addr = any (addrs) and a.generation = r.generation and a.holder_key = r.key and a.state = 'reserved' and a.kept_since is null
    and a.consumer_key is null;
  return query
  select r.ord, case when a.addr is null then 'unknown'
                     when a.generation <> r.generation or a.holder_key <> r.key then 'not_owner'
                     when a.kept_since is not null then 'kept'
                     when a.state = 'reserved' then 'has_consumer'
                     else 'not_reserved' end
  from unnest(items) r left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

