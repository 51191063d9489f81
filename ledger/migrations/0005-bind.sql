-- Binding of addresses to stored objects.

-- Binds an address to the uid of its stored object, which replaces the admission key. Also restores an address that was
-- released after its lease while the object was being stored, unless someone else has it. Also moves an address from a
-- machine to the machine that was made again under its name: it stays held, because the guest may still run. It does not if
-- the first machine offered it to a receiver, where the guest may run by now. Binds an
-- address of a stock if the caller knows for whom the webhook answered with it: then the item has a requester. Binds nothing of
-- a retired cluster: its addresses stay orphaned.
--
-- A sticky address keeps its key and has no uid; binding it again records that it is in use. With the key of an object it becomes
-- that object's own, and is sticky no more.
create function rock_mac.bind(p_items jsonb, p_actor text) returns table (ord int, outcome text, generation bigint)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare
  items item[]; addrs bigint[]; bound_keys text[];
begin
  select array_agg(i), array_agg(i.addr), array_agg(i.bound_key) into items, addrs, bound_keys from jsonb_populate_recordset(null::item, p_items) i;
  -- Retiring a cluster reads what it holds and would miss a row restored here. This lock makes one wait for the other.
  perform 1 from clusters c where c.cluster_id in (select r.cluster from unnest(items) r) for key share;
  addrs := lock_addresses(addrs);
  update addresses a set state = 'active', holder_key = r.bound_key, owner_uid = r.uid, owner_name = r.name, owner_nic = r.nic,
         owner_kind = r.kind, owner_namespace = r.namespace,
         origin = case when a.owner_kind = 'Webhook' then 'allocate' else a.origin end,   -- no more part of a replication gap
         requester = case when a.owner_kind = 'Webhook' then r.requester else a.requester end,
         allocated_at = case when a.owner_kind = 'Webhook' then clock() else a.allocated_at end,
         unreachable_node = case when r.bound_key = a.holder_key then a.unreachable_node end,
         expires_at = null, missing_since = null, released_at = null, end_unseen = false, changed_at = clock(), actor = p_actor, reason = 'bind'
  from (select distinct on (bound_key) * from (
          select distinct on (addr) * from unnest(items) i order by addr, ord) d order by bound_key, ord) r
  where a.addr = r.addr and a.addr = any (addrs) and a.holder_key = r.key
    and (a.state in ('stocked', 'pending', 'released', 'orphaned') or (a.state = 'active' and a.owner_kind = 'VirtualMachine' and a.owner_name = r.name and (handover_of(a)).addr is null)
         or (a.state = 'active' and is_sticky(a.holder_key) and a.owner_name = r.name and (a.missing_since is not null or r.bound_key <> a.holder_key)))
    and a.cluster_id = r.cluster
    and ((a.owner_namespace is not distinct from r.namespace and a.owner_kind = r.kind) or (a.owner_kind = 'Webhook' and r.requester is not null))
    and exists (select 1 from clusters c where c.cluster_id = r.cluster and c.retired_at is null)
    and not exists (select 1 from addresses h where h.holder_key = r.bound_key and h.holder_key = any (bound_keys) and h.state <> 'released'
                      and h.addr <> a.addr);
  return query
  select r.ord, case when a.addr is null then 'unknown'
                     when a.holder_key = r.bound_key and a.state = 'active' then 'bound'
                     else 'conflict' end, a.generation
  from unnest(items) r left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

