-- Sticky addresses belong to the name of a workload and not to its uid: the next object of that name gets the address again. They stay
-- active while no object uses them. `missing_since` then says since when. A replay (allocate) sets it anew, and an object ends it (bind).

-- Marks addresses as unused from now on: the caller saw the end of the object that used them.
create function rock_mac.mark_unused(p_items jsonb) returns table (ord int, outcome text)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[];
begin
  select array_agg(i), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  addrs := lock_addresses(addrs);
  update addresses a set missing_since = clock()
  from unnest(items) r
  where a.addr = r.addr and a.addr = any (addrs) and a.generation = r.generation and a.holder_key = r.key and a.state = 'active'
    and is_sticky(a.holder_key) and a.missing_since is null;
  return query
  select r.ord, case when a.generation = r.generation and a.holder_key = r.key and a.state = 'active' and is_sticky(a.holder_key) then 'unused'
                     else 'not_held' end
  from unnest(items) r left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

-- Releases addresses that are still unused since the time that the caller read. An admission that answers with one at the same
-- moment has changed that time, or waits for the row and then finds that the key holds nothing. Callers have milliseconds. While the
-- last pod may still run on a node, nothing is released. `end_unseen` is as in release().
create function rock_mac.release_unused(p_items jsonb, p_actor text, p_reason text) returns table (ord int, outcome text)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[]; done bigint[]; held text;
begin
  select array_agg(i), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  addrs := lock_addresses(addrs);
  held := expiry_held();
  with u as (
    update addresses a set state = 'released', released_at = release_time(p), end_unseen = coalesce(r.end_unseen, false), changed_at = clock(),
           missing_since = null, actor = p_actor, reason = p_reason
    from unnest(items) r, pools p
    where a.addr = r.addr and a.addr = any (addrs) and a.generation = r.generation and a.holder_key = r.key and p.pool_id = a.pool_id
      and a.state = 'active' and is_sticky(a.holder_key) and a.consumer_key is null and a.unreachable_node is null and held is null
      and date_trunc('milliseconds', a.missing_since) = date_trunc('milliseconds', r.missing_since)
    returning a.addr)
  select coalesce(array_agg(u.addr), '{}') into done from u;
  return query
  select r.ord, case when a.addr is null then 'unknown'
                     when a.addr = any (done) then 'released'
                     when a.generation <> r.generation or a.holder_key <> r.key then 'not_owner'
                     when a.state = 'released' then 'already_released'
                     when a.unreachable_node is not null then 'unreachable'
                     when held is not null then 'held'
                     else 'used' end
  from unnest(items) r left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

-- Marks addresses whose pod may still run on a node that does not respond. The next pod of that name does not get them while the mark
-- is there. A mark of another node stays: the pod there may still run too.
create function rock_mac.mark_unreachable(p_cluster text, p_items jsonb, p_node text, p_actor text) returns table (ord int, outcome text)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[];
begin
  perform require_reach(p_cluster);
  select array_agg(i), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  addrs := lock_addresses(addrs);
  update addresses a set unreachable_node = p_node, changed_at = clock(), actor = p_actor, reason = 'its node does not respond'
  from unnest(items) r
  where a.addr = r.addr and a.addr = any (addrs) and a.generation = r.generation and a.holder_key = r.key
    -- As a `case`, so that the plan looks the addresses up and does not walk through all those of the cluster.
    and case when a.state = 'active' and a.unreachable_node is null then is_sticky(a.holder_key) and a.cluster_id = p_cluster else false end;
  return query
  select r.ord, case when (a.generation = r.generation and a.holder_key = r.key and a.cluster_id = p_cluster and a.unreachable_node is not null) is not true then 'not_held'
                     when a.unreachable_node = p_node then 'marked'
                     else 'other_node' end
  from unnest(items) r left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

-- Ends the marks of a node and returns the addresses that had one. The caller knows that their pods have ended.
create function rock_mac.clear_unreachable(p_cluster text, p_node text, p_items jsonb, p_actor text, p_reason text) returns setof bigint
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off as $$
declare
  addrs bigint[];
begin
  perform require_reach(p_cluster);
  addrs := lock_addresses(array(select r.addr from jsonb_populate_recordset(null::item, p_items) r));
  return query
  update addresses a set unreachable_node = null, changed_at = clock(), actor = p_actor, reason = p_reason
  where a.addr = any (addrs) and a.cluster_id = p_cluster and a.unreachable_node = p_node
    and exists (select from jsonb_populate_recordset(null::item, p_items) r
                where r.addr = a.addr and r.generation = a.generation and r.key = a.holder_key)
  returning a.addr;
end $$;
