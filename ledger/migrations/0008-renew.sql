-- Extends the expiry of devices and claims. Null ttl: the pool's period. Only the expiry changes, so there is an audit row only if
-- somebody says why: scripts renew every few minutes.
create function rock_mac.renew(p_items jsonb, p_actor text default null, p_reason text default null) returns table (ord int, outcome text, expires_at timestamptz)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[];
begin
  select array_agg(i), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  addrs := lock_addresses(addrs);
  with u as (
    update addresses a set expires_at = clock() + coalesce(make_interval(secs => r.ttl), p.auto_release),
           actor = coalesce(case when p_reason is not null then p_actor end, a.actor), reason = coalesce(p_reason, a.reason)
    from unnest(items) r, pools p
    where a.addr = r.addr and a.addr = any (addrs) and a.generation = r.generation and a.holder_key = r.key and a.state = 'active'
      and a.expires_at is not null and p.pool_id = a.pool_id and (r.ttl is not null or p.auto_release is not null)
    returning a as held, p.name as pool)
  insert into audit_log (action, mac_address, pool, device_id, "user", details, generation, state_before, state, holder_key, cluster_id, owner, actor, reason)
  select 'renew', to_mac((u.held).addr), u.pool, (u.held).device_id, p_actor, audit_details(u.held) || jsonb_build_object('expiresAt', (u.held).expires_at),
         (u.held).generation, (u.held).state, (u.held).state, (u.held).holder_key, (u.held).cluster_id, owner_text(u.held), p_actor, p_reason
  from u where p_reason is not null order by (u.held).addr;
  return query
  select r.ord, case when a.addr is null then 'unknown'
                     when a.generation <> r.generation or a.holder_key <> r.key or a.state <> 'active' then 'not_owner'
                     when a.expires_at is null then 'never_expires'
                     else 'renewed' end, case when a.state = 'active' then a.expires_at end
  from unnest(items) r left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;


-- Changes the metadata and the type of devices and claims, all of the items or none. `metadata` and `type` are the new ones; the
-- caller also says what it read, so of two changes at once none overwrites the other. The audit has both.
create function rock_mac.set_metadata(p_items jsonb, p_actor text, p_reason text) returns table (ord int, outcome text)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  addrs bigint[] := array(select (i->>'addr')::bigint from jsonb_array_elements(p_items) i);
  ords int[]; outcomes text[];
begin
  addrs := lock_addresses(addrs);
  select array_agg(r.ord order by r.ord), array_agg(
           case when a.addr is null then 'unknown'
                when a.generation <> r.generation or a.holder_key <> r.key then 'not_owner'
                when a.state not in ('active', 'reserved', 'orphaned') then 'not_held'
                when (a.metadata, a.device_type) is distinct from (r.metadata_before, r.type_before) then 'changed'
                else 'set' end order by r.ord)
  into ords, outcomes
  from jsonb_to_recordset(p_items) r(ord int, addr bigint, generation bigint, key text, metadata_before jsonb, type_before text)
  left join addresses a on a.addr = r.addr and a.addr = any (addrs);
  if 'set' = all (outcomes) then
    update addresses a set metadata = r.metadata, device_type = r.type, changed_at = clock(), actor = p_actor, reason = p_reason
    from jsonb_to_recordset(p_items) r(addr bigint, metadata jsonb, type text)
    where a.addr = r.addr and a.addr = any (addrs) and (a.metadata, a.device_type) is distinct from (r.metadata, r.type);
  end if;
  return query select o.ord, o.outcome from unnest(ords, outcomes) o(ord, outcome);
end $$;
