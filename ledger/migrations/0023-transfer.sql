-- Handing an address over to another owner.

-- Returns which quota of the new owner's namespace has no room for the address, or null. The caller holds the pool lock,
-- so no allocation from this pool counts at the same time. An address that stays in its namespace was counted before.
create function rock_mac.full_quota(r rock_mac.item, a rock_mac.addresses) returns text
language sql stable set search_path = rock_mac, pg_temp
begin atomic
  select case
    when l.max_per_namespace is not null
      and (select count(*) from (select 1 from addresses h where h.cluster_id = r.cluster and h.owner_namespace = r.namespace and h.state <> 'released'
                                  and h.pool_id = a.pool_id and h.addr <> a.addr limit l.max_per_namespace) c) >= l.max_per_namespace then 'pool_quota'
    when r.max_addresses is not null
      and (select count(*) from (select 1 from addresses h where h.cluster_id = r.cluster and h.owner_namespace = r.namespace and h.state <> 'released'
                                  and h.addr <> a.addr limit r.max_addresses) c) >= r.max_addresses then 'namespace_quota' end
  from (select 1) one left join pool_limits l on l.cluster_id = r.cluster and l.pool_id = a.pool_id;
end;

-- Gives held addresses to other owners of the same cluster, or to other devices. An address keeps its state and is never
-- free in between; its audit has one row. `key` is of the owner that hands it over. `bound_key` and all else describe the
-- one that gets it, also the state, which must be that of the address. Repeating a call changes nothing.
--
-- The caller asked both owners. The ledger only compares what that caller saw: a release, a renewed owner and a consumer
-- that came in between all win.
create function rock_mac.transfer(p_items jsonb, p_actor text)
returns table (ord int, outcome text, generation bigint, expires_at timestamptz)
language plpgsql volatile security definer
set search_path = rock_mac, pg_temp set lock_timeout = '2s' set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[]; closed text; r item; a addresses; p pools; result text;
begin
  select array_agg(i order by i.ord), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  -- The pool locks come first, as everywhere. They keep out a recovery, the retirement of the cluster, and allocations that count.
  perform 1 from pools q where exists (select 1 from unnest(addrs) x where x between q.first and q.last) order by q.pool_id for no key update;
  addrs := lock_addresses(addrs);
  closed := not_open();
  foreach r in array coalesce(items, '{}') loop
    select * into a from addresses x where x.addr = r.addr and x.addr = any (addrs);
    select * into p from pools q where q.pool_id = a.pool_id;
    result := case
      when a.addr is null then 'unknown'
      when a.holder_key = r.bound_key and a.state <> 'released' then 'transferred'
      when closed is not null then closed
      when a.holder_key <> r.key or a.generation <> r.generation then 'not_owner'
      when a.cluster_id is distinct from r.cluster then 'other_cluster'
      when r.cluster is not null and not exists (select 1 from clusters c where c.cluster_id = r.cluster and c.adopted_at is not null and c.retired_at is null)
        then 'not_adopted'
      when a.state not in ('active', 'reserved') or a.kept_since is not null or is_sticky(a.holder_key) then 'not_held'
      when a.state is distinct from r.state then 'other_state'
      when a.consumer_key is not null then 'has_consumer'
      when exists (select 1 from addresses h where h.holder_key = r.bound_key and h.state <> 'released') then 'key_conflict'
      else coalesce(full_quota(r, a), 'transferred') end;
    if result = 'transferred' and a.holder_key <> r.bound_key then
      update addresses x set holder_key = r.bound_key, generation = x.generation + 1, origin = 'transfer',
             owner_kind = r.kind, owner_namespace = r.namespace, owner_name = r.name, owner_uid = r.uid, owner_nic = r.nic,
             device_id = r.device, device_type = r.type, metadata = coalesce(r.metadata, '{}'), allocated_at = clock(), changed_at = clock(),
             expires_at = case r.state when 'active' then clock() + coalesce(make_interval(secs => r.ttl), case when r.cluster is null then p.auto_release end) end,
             missing_since = null, requester = r.requester, actor = p_actor, reason = coalesce(r.reason, 'transfer')
      where x.addr = a.addr
      returning x.* into a;
      r.key := r.bound_key;
      perform end_observations_of_owners(array[r]);
    end if;
    return query select r.ord, result, a.generation, a.expires_at;
  end loop;
end $$;
