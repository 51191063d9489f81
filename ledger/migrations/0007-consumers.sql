-- The pod or VM that uses a claim.

-- Makes a pod or VM the consumer of a claim. `expected` is the consumer that the caller saw (null: none). Of two
-- concurrent callers, the second finds the other's key here. Repeating the call with the same key renews the lease. A
-- null lease means that the object was seen; then `consumer` is its final key and `expected` its earlier key.
create function rock_mac.take_consumer(p_items jsonb, p_lease interval, p_actor text)
returns table (ord int, outcome text, addr bigint, consumer_key text, expires_at timestamptz)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; keys text[]; consumers text[]; addrs bigint[]; closed text; from_copy text[];
begin
  select array_agg(i), array_agg(i.key), array_agg(i.consumer) into items, keys, consumers from jsonb_populate_recordset(null::item, p_items) i;
  addrs := lock_addresses(array(select a.addr from addresses a where a.holder_key = any (keys) and a.state <> 'released'));
  closed := not_open();
  from_copy := array(select r.ticket from addresses a join unnest(items) r on r.key = a.holder_key join clusters c on c.cluster_id = a.cluster_id
                  where a.addr = any (addrs) and r.ticket is not null and cardinality(c.tickets) > 0 and r.ticket <> all (c.tickets));
  if closed is null or p_lease is null then     -- a seen consumer is recorded in any state of the ledger
    update addresses a set consumer_key = r.consumer, consumer_kind = r.kind, consumer_name = r.name, consumer_uid = r.uid, consumer_nic = r.nic,
           consumer_expires_at = case when p_lease is null then null
                                      when a.consumer_key = r.consumer then greatest(a.consumer_expires_at, clock() + p_lease)   -- a seen consumer gets no lease again
                                      else clock() + p_lease end,
           changed_at = clock(), actor = p_actor, reason = 'consume'
    from (select distinct on (key) * from unnest(items) i order by key, ord) r
    where a.holder_key = r.key and a.addr = any (addrs) and a.state in ('active', 'reserved') and a.kept_since is null
      and (r.ticket = any (from_copy)) is not true
      and (a.consumer_key is not distinct from r.expected or a.consumer_key = r.consumer)
      and (a.consumer_key is distinct from r.consumer or a.consumer_expires_at is not null)
      and not exists (select 1 from addresses h where h.consumer_key = r.consumer and h.consumer_key = any (consumers) and h.addr <> a.addr);
  end if;
  return query
  select r.ord, case when closed is not null and p_lease is not null then closed
                     when a.addr is null then 'unknown'
                     when r.ticket = any (from_copy) then 'identity_shared'
                     when a.consumer_key = r.consumer then 'taken'
                     else 'in_use' end, a.addr, a.consumer_key, a.consumer_expires_at
  from unnest(items) r
  left join addresses a on a.holder_key = r.key and a.addr = any (addrs) and a.state in ('active', 'reserved') and a.kept_since is null;
end $$;

-- Removes the consumer of a claim if the key matches and no lease runs, nor may have been ended by a wrong clock. A consumer that called again since the caller
-- read the row has a new lease.
create function rock_mac.drop_consumer(p_items jsonb, p_actor text, p_reason text) returns table (ord int, outcome text)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[]; done bigint[];
begin
  select array_agg(i), array_agg(i.addr) into items, addrs from jsonb_populate_recordset(null::item, p_items) i;
  addrs := lock_addresses(addrs);
  with u as (
    update addresses a set consumer_key = null, consumer_kind = null, consumer_name = null, consumer_uid = null, consumer_nic = null,
           consumer_expires_at = null, changed_at = clock(), actor = p_actor, reason = p_reason
    from unnest(items) r where a.addr = r.addr and a.addr = any (addrs) and a.consumer_key = r.consumer
      and (a.consumer_expires_at is null or (a.consumer_expires_at < clock() and (select expiry_held()) is null))
    returning a.addr)
  select array_agg(u.addr) into done from u;
  return query
  select r.ord, case when a.addr = any (done) then 'dropped' else 'not_consumer' end
  from unnest(items) r left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

