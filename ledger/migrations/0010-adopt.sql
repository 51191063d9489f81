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
