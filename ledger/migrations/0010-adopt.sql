-- Gives addresses to the objects that use them: at the initial sync, after a recovery, and with any other proof. Takes
-- free addresses, also within the reuse delay, and those of a replication gap. Never takes an address that another
-- owner holds. The pool locks keep a cursor from allocating the same address at the same time. Ends the observations of
-- the object, which is the owner now.
create function rock_mac.adopt(p_items jsonb, p_actor text)
returns table (ord int, outcome text, generation bigint, state text, holder jsonb)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[]; keys text[]; before bigint[]; me reach := reach(); living text[];
begin
  perform be_durable();
  select array_agg(i), array_agg(i.addr), array_agg(i.key) into items, addrs, keys from jsonb_populate_recordset(null::item, p_items) i;
  perform 1 from pools p where exists (select 1 from unnest(items) r where r.addr between p.first and p.last) order by p.pool_id for no key update;
  living := array(select c.cluster_id from clusters c where c.retired_at is null and (me.everything or c.cluster_id = me.cluster));
  before := array(select a.addr from addresses a join unnest(items) r on r.addr = a.addr
                  where a.addr = any (addrs) and a.holder_key = r.key and a.state <> 'released');
  insert into addresses as a (addr, pool_id, state, origin, holder_key, cluster_id, owner_kind, owner_namespace, owner_name, owner_uid,
      owner_nic, device_id, device_type, metadata, allocated_at, changed_at, expires_at, requester, actor, reason)
  select r.addr, p.pool_id, r.state, 'adopt', r.key, r.cluster, r.kind, r.namespace, r.name, r.uid, r.nic, r.device, r.type,
         coalesce(r.metadata, '{}'), clock(), clock(), case r.state when 'active' then clock() + make_interval(secs => r.ttl) end,
         r.requester, p_actor, coalesce(r.reason, 'adopt')
  from (select distinct on (addr) * from (select distinct on (key) * from unnest(items) i order by key, ord) k order by addr, ord) r
  join pools p on r.addr between p.first and p.last
  where r.cluster = any (living) and r.key <> all (array(select h.holder_key from addresses h where h.holder_key = any (keys) and h.state <> 'released'))
  order by r.addr
  on conflict (addr) do update set state = excluded.state, origin = excluded.origin, holder_key = excluded.holder_key,
      cluster_id = excluded.cluster_id, owner_kind = excluded.owner_kind, owner_namespace = excluded.owner_namespace,
      owner_name = excluded.owner_name, owner_uid = excluded.owner_uid, owner_nic = excluded.owner_nic, device_id = excluded.device_id,
      device_type = excluded.device_type, metadata = excluded.metadata, allocated_at = excluded.allocated_at,
      changed_at = excluded.changed_at, expires_at = excluded.expires_at, requester = excluded.requester, actor = excluded.actor,
      reason = excluded.reason, released_at = null, end_unseen = false, missing_since = null, generation = a.generation + 1
    where a.state = 'released'
       or (a.state = 'orphaned' and (a.origin = 'replication-gap' or (a.cluster_id = excluded.cluster_id and a.owner_uid = excluded.owner_uid)));
  perform end_observations_of_owners(array(select r from unnest(items) r where r.cluster = any (living)));
  return query
  select r.ord,
         case when (r.cluster = any (living)) is not true then 'not_registered'
              when h.addr = r.addr and h.addr = any (before) then 'held'
              when h.addr = r.addr then 'adopted'
              when h.addr is not null then 'key_conflict'
              when a.addr is not null then 'conflict'
              else 'in_no_pool' end,
         h.generation, coalesce(h.state, a.state), case when h.addr is distinct from a.addr then holder_of(a) end
  from unnest(items) r
  left join addresses a on a.addr = r.addr and a.addr = any (addrs)
  left join addresses h on h.holder_key = r.key and h.holder_key = any (keys) and h.state <> 'released';
end $$;

-- What the import of each item would do, or why it is refused. An address goes to a device that has it already, so it must be free,
-- or be held by this device. An address that a live object uses is not free: two devices would have it.
create function rock_mac.import_outcomes(items rock_mac.item[], p_update boolean)
returns table (ord int, outcome text, pool text, state text, holder jsonb, until timestamptz)
language plpgsql volatile set search_path = rock_mac, pg_temp set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare addrs bigint[] := array(select i.addr from unnest(items) i); t timestamptz := clock(); held text := expiry_held(); unseen int[];
begin
  unseen := array(select p.pool_id from pools p where is_unseen(p));
  return query
  select i.ord,
         case when p.pool_id is null then 'in_no_pool'
              when a.state in ('active', 'reserved') and a.cluster_id is null and a.device_id = i.device then
                case when octet_length(x.metadata::text) > 32768 then 'too_large'
                     when x.metadata = a.metadata and coalesce(i.type, a.device_type) is not distinct from a.device_type then 'unchanged'
                     when p_update then 'updated' else 'differs' end
              when a.state <> 'released' then 'in_use'
              when exists (select 1 from observations o where o.addr = i.addr) then 'observed'
              when p.paused then 'pool_paused'
              when p.pool_id = any (unseen) then 'prefix_not_seen'
              when i.override_delay is not true and (a.cluster_id is not null or a.device_id is distinct from i.device)
                and (held is not null or a.released_at > t - p.reuse_delay) then 'in_reuse_delay'
              else 'imported' end,
         p.name, a.state, holder_of(a), case when a.state = 'released' and held is null then a.released_at + p.reuse_delay end
  from unnest(items) i
  left join addresses a on a.addr = i.addr and a.addr = any (addrs)
  left join pools p on i.addr between p.first and p.last
  cross join lateral (select a.metadata || coalesce(i.metadata, '{}') as metadata) x;
end $$;

-- Records the addresses that devices outside of clusters have already, or only says what it would do. Repeating a call changes nothing.
-- With `p_update`, the metadata and the type of a device that has its address replace those in the ledger, key by key. Returns why the
-- ledger is closed as the outcome of each item. The pool locks keep a cursor from allocating the same address at the same time.
create function rock_mac.import_addresses(p_items jsonb, p_actor text, p_write boolean, p_update boolean)
returns table (ord int, outcome text, pool text, state text, holder jsonb, until timestamptz)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[]; closed text; me reach := reach(); done int[] := '{}'; changed int[] := '{}'; t timestamptz;
begin
  if not me.everything and me.cluster is not null then
    raise exception 'the login % may not import addresses of devices', session_user using errcode = 'insufficient_privilege';
  end if;
  select array_agg(i order by i.ord), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  if p_write then
    perform 1 from pools p where exists (select 1 from unnest(addrs) x where x between p.first and p.last) order by p.pool_id for no key update;
    perform lock_addresses(addrs);
  end if;
  closed := not_open();
  if closed is not null then
    return query select i.ord, closed, null::text, null::text, null::jsonb, null::timestamptz from unnest(items) i;
    return;
  end if;
  for ord, outcome, pool, state, holder, until in select * from import_outcomes(items, p_update) loop
    if outcome = 'imported' then done := done || ord; end if;
    if outcome = 'updated' then changed := changed || ord; end if;
    return next;
  end loop;
  if not p_write then return; end if;
  t := clock();
  insert into addresses as a (addr, pool_id, state, origin, holder_key, device_id, device_type, metadata, allocated_at, changed_at, expires_at,
      requester, actor, reason)
  select i.addr, p.pool_id, i.state, 'import', i.key, i.device, coalesce(i.type, i.default_type), coalesce(i.metadata, '{}'), t, t,
         case i.state when 'active' then t + p.auto_release end, i.requester, p_actor, coalesce(i.reason, 'import')
  from unnest(items) i join pools p on i.addr between p.first and p.last
  where i.ord = any (done)
  order by i.addr
  on conflict (addr) do update set state = excluded.state, origin = excluded.origin, holder_key = excluded.holder_key, cluster_id = null,
      owner_kind = null, owner_namespace = null, owner_name = null, owner_uid = null, owner_nic = null, device_id = excluded.device_id,
      device_type = excluded.device_type, metadata = excluded.metadata, allocated_at = excluded.allocated_at, changed_at = excluded.changed_at,
      expires_at = excluded.expires_at, requester = excluded.requester, actor = excluded.actor, reason = excluded.reason, released_at = null,
      end_unseen = false, missing_since = null, generation = a.generation + 1
    where a.state = 'released';
  update addresses a set metadata = a.metadata || coalesce(i.metadata, '{}'), device_type = coalesce(i.type, a.device_type), actor = p_actor,
         reason = coalesce(i.reason, 'import')
  from unnest(items) i where a.addr = i.addr and a.addr = any (addrs) and i.ord = any (changed);
end $$;
