-- Extends the expiry of devices and claims. Only the expiry changes, so there is no audit row. Null ttl: the pool's
-- period.
create function rock_mac.renew(p_items jsonb) returns table (ord int, outcome text, expires_at timestamptz)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[];
begin
  select array_agg(i), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  addrs := lock_addresses(addrs);
  update addresses a set expires_at = clock() + coalesce(make_interval(secs => r.ttl), p.auto_release)
  from unnest(items) r, pools p
  where a.addr = r.addr and a.addr = any (addrs) and a.generation = r.generation and a.holder_key = r.key and a.state = 'active'
    and a.expires_at is not null and p.pool_id = a.pool_id and (r.ttl is not null or p.auto_release is not null);
  return query
  select r.ord, case when a.addr is null then 'unknown'
                     when a.generation <> r.generation or a.holder_key <> r.key or a.state <> 'active' then 'not_owner'
                     when a.expires_at is null then 'never_expires'
                     else 'renewed' end, case when a.state = 'active' then a.expires_at end
  from unnest(items) r left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

