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

-- The receiver of an address, or null. Only an address that a machine's uid holds is handed over like this.
create function rock_mac.handover_of(a rock_mac.addresses) returns rock_mac.handovers language sql stable set search_path = rock_mac, pg_temp
begin atomic
  select h.* from handovers h
  where h.addr = a.addr and h.generation = a.generation and h.holder_key = a.holder_key
    and a.state = 'active' and a.owner_kind = 'VirtualMachine' and a.owner_uid is not null and not is_sticky(a.holder_key);
end;

-- Returns the clusters that a text may mean: by id or by name. A cluster may choose the id of another one as its name, so a uid means
-- the cluster of that id, also a retired one, which receives nothing. A new login may choose any other text as its id, also the name of
-- another cluster, so there no id comes first: two clusters are ambiguous.
create function rock_mac.clusters_called(p_text text) returns text[] language sql stable set search_path = rock_mac, pg_temp
begin atomic
  select coalesce(array_agg(c.cluster_id), '{}') from clusters c
  where c.retired_at is null
    and (c.cluster_id = p_text
         or (c.name = p_text and not (p_text ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$'
                                      and exists (select from clusters i where i.cluster_id = p_text))));
end;

-- Records to whom machines offer their addresses, and that they still use them. `cluster`, `namespace`, `name` and `reason` are of
-- the receiver: the cluster by its id or its name, and the text that names all three. Without a name the offer is withdrawn,
-- and so is one to the owner itself.
create function rock_mac.offer_address(p_items jsonb) returns table (ord int, outcome text)
language plpgsql volatile security definer
set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[]; r item; a addresses; ids text[];
begin
  select array_agg(i order by i.ord), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  addrs := lock_addresses(addrs);
  foreach r in array coalesce(items, '{}') loop
    select * into a from addresses x where x.addr = r.addr and x.addr = any (addrs);
    ids := clusters_called(r.cluster);
    ord := r.ord;
    outcome := case
      when a.addr is null then 'unknown'
      when a.generation <> r.generation or a.holder_key <> r.key or a.state <> 'active' then 'not_owner'
      when a.owner_kind is distinct from 'VirtualMachine' or a.owner_uid is null or is_sticky(a.holder_key) then 'not_held'
      when r.name is null then 'withdrawn'
      when cardinality(ids) = 0 then 'unknown_cluster'
      when cardinality(ids) > 1 then 'ambiguous_cluster'
      when (ids[1], r.namespace, r.name) = (a.cluster_id, a.owner_namespace, a.owner_name) then 'withdrawn'
      else 'offered' end;
    if outcome in ('withdrawn', 'unknown_cluster', 'ambiguous_cluster') then
      delete from handovers h where h.addr = r.addr;
    elsif outcome = 'offered' then
      insert into handovers (addr, generation, holder_key, asked, cluster_id, namespace, name)
      values (r.addr, r.generation, r.key, r.reason, ids[1], r.namespace, r.name)
      on conflict (addr) do update set
        offered_at = case when (handovers.generation, handovers.holder_key, handovers.asked, handovers.cluster_id)
                             = (excluded.generation, excluded.holder_key, excluded.asked, excluded.cluster_id) then handovers.offered_at else excluded.offered_at end,
        generation = excluded.generation, holder_key = excluded.holder_key, asked = excluded.asked,
        cluster_id = excluded.cluster_id, namespace = excluded.namespace, name = excluded.name, ended_at = null, left_at = null;
    end if;
    return next;
  end loop;
end $$;

-- Leaves addresses to their receivers: the machines that offered them have ended. An address is left only if its receiver has
-- it already: its cluster observed that, or the caller saw it in its own cluster. Nobody would take any other address over.
-- A cluster whose operator is away has observed nothing yet. Until it has completed a resync after the end, the address waits.
create function rock_mac.leave_address(p_items jsonb) returns table (ord int, outcome text)
language plpgsql volatile security definer
set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[]; r item; a addresses; h handovers;
begin
  select array_agg(i order by i.ord), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  addrs := lock_addresses(addrs);
  foreach r in array coalesce(items, '{}') loop
    select * into a from addresses x where x.addr = r.addr and x.addr = any (addrs) and x.generation = r.generation and x.holder_key = r.key;
    h := handover_of(a);
    ord := r.ord;
    outcome := case
      when a.addr is null then 'unknown'
      when h.addr is null then 'not_offered'
      when not exists (select from clusters c where c.cluster_id = h.cluster_id and c.retired_at is null) then 'no_receiver'
      when (r.in_use and h.cluster_id = a.cluster_id)
        or exists (select from observations o where o.addr = a.addr and o.kind = 'VirtualMachine'
                     and (o.cluster_id, o.namespace, o.name) = (h.cluster_id, h.namespace, h.name)) then 'left'
      when h.cluster_id <> a.cluster_id
        and not exists (select from clusters c where c.cluster_id = h.cluster_id and c.last_resync_at > h.ended_at) then 'waits'
      else 'no_receiver' end;
    if outcome in ('left', 'waits') then
      update handovers x set ended_at = coalesce(x.ended_at, clock()),
             left_at = case outcome when 'left' then coalesce(x.left_at, clock()) else x.left_at end
      where x.addr = r.addr and (x.ended_at is null or (outcome = 'left' and x.left_at is null));
    end if;
    return next;
  end loop;
end $$;

-- Gives machines the addresses that were left to them, also those of another cluster. The caller acts for the receiver's
-- cluster; the ledger compares who the receiver is. `key` and `generation` are of the owner that left, `bound_key` and all else
-- of the receiver. Audited like a transfer. Repeating a call changes nothing.
create function rock_mac.receive_address(p_items jsonb, p_actor text) returns table (ord int, outcome text, generation bigint)
language plpgsql volatile security definer
set search_path = rock_mac, pg_temp set lock_timeout = '2s' set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[]; closed text; me reach := reach(); r item; a addresses; h handovers; result text;
begin
  perform be_durable();
  select array_agg(i order by i.ord), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  -- The pool locks come first, as in a transfer, and for the same reasons.
  perform 1 from pools q where exists (select 1 from unnest(addrs) x where x between q.first and q.last) order by q.pool_id for no key update;
  -- In the order of lock_addresses(), but whoever owns them: the owner may be of another cluster, which left them. The owner may
  -- use an address again, withdraw it or have it released at the same moment: one of the two comes first.
  perform 1 from addresses x where x.addr = any (addrs) order by x.addr for update;
  closed := not_open();
  foreach r in array coalesce(items, '{}') loop
    select * into a from addresses x where x.addr = r.addr;
    h := handover_of(a);
    result := case
      when a.addr is null or (me.everything or r.cluster = me.cluster) is not true then 'unknown'
      when a.holder_key = r.bound_key and a.cluster_id = r.cluster and a.state = 'active' then 'received'
      when closed is not null then closed
      when a.generation <> r.generation or a.holder_key <> r.key or h.addr is null or r.kind is distinct from 'VirtualMachine'
        or (h.cluster_id, h.namespace, h.name) is distinct from (r.cluster, r.namespace, r.name) then 'not_offered'
      when h.left_at is null then 'not_left'
      when not exists (select 1 from clusters c where c.cluster_id = r.cluster and c.adopted_at is not null and c.retired_at is null) then 'not_adopted'
      when exists (select 1 from addresses x where x.holder_key = r.bound_key and x.state <> 'released') then 'key_conflict'
      else coalesce(full_quota(r, a), 'received') end;
    if result = 'received' and a.holder_key <> r.bound_key then
      delete from handovers x where x.addr = a.addr;
      update addresses x set holder_key = r.bound_key, generation = x.generation + 1, origin = 'transfer', cluster_id = r.cluster,
             owner_kind = r.kind, owner_namespace = r.namespace, owner_name = r.name, owner_uid = r.uid, owner_nic = r.nic,
             allocated_at = clock(), changed_at = clock(), missing_since = null, requester = r.requester, actor = p_actor, reason = r.reason
      where x.addr = a.addr
      returning x.* into a;
      r.key := r.bound_key;
      perform end_observations_of_owners(array[r]);
    end if;
    -- A caller of another cluster learns nothing about the address.
    return query select r.ord, result, case result when 'received' then a.generation end;
  end loop;
end $$;
