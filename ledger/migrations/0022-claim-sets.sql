-- Claims that a workload selects by their labels. The labels are in Kubernetes, so the caller passes all claims that have them.

create function rock_mac.is_unused_claim(a rock_mac.addresses) returns boolean language sql volatile
  return a.state in ('active', 'reserved') and a.kept_since is null and a.consumer_key is null
     and (a.expires_at is null or a.expires_at > rock_mac.clock() or rock_mac.expiry_held() is not null);

-- Makes a workload the consumer of one unused claim for each of its interfaces, or of none. An item with an address takes that claim
-- only. A repeated call with the same consumer keys gets the same claims, with new leases. `held` and `used` count the candidates.
--
-- `skip locked`: N workloads that select at once read the candidates in the same order. Without it, all of them would wait for the
-- first claim. An item that finds none, while another transaction has locked an unused one, is `busy`: it may find that one later.
create function rock_mac.take_unused_claims(p_cluster text, p_candidates text[], p_items jsonb, p_ticket text, p_lease interval, p_actor text)
returns table (ord int, outcome text, addr bigint, held int, used int)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set enable_nestloop = off set plan_cache_mode = force_generic_plan as $$
#variable_conflict use_column
declare                                        -- `is not distinct from p_cluster`: no plan reads all addresses of the cluster
  items item[]; i item; pick bigint; picks bigint[] := '{}'; refused text;
begin
  perform require_reach(p_cluster);
  perform be_durable();
  items := array(select r from jsonb_populate_recordset(null::item, p_items) r order by r.ord);
  foreach i in array items loop
    select a.addr into pick from addresses a
    where a.consumer_key = i.consumer and a.cluster_id is not distinct from p_cluster and a.state in ('active', 'reserved') and a.kept_since is null
    for update;
    if not found then
      select a.addr into pick from addresses a
      where a.holder_key = any (p_candidates) and a.state <> 'released' and a.cluster_id is not distinct from p_cluster and is_unused_claim(a)
        and a.addr <> all (picks) and (i.addr is null or a.addr = i.addr)
      order by a.addr + 0 limit 1 for update skip locked;   -- + 0: sort the result instead of reading in primary-key order
    end if;
    if not found then
      refused := case when exists (
        select from addresses a
        where a.holder_key = any (p_candidates) and a.state <> 'released' and a.cluster_id is not distinct from p_cluster and is_unused_claim(a)
          and a.addr <> all (picks) and (i.addr is null or a.addr = i.addr)) then 'busy' else 'none_unused' end;
      exit;
    end if;
    picks := picks || pick;
  end loop;
  -- After the locks: a recovery that began before them has closed the ledger, and one that begins later waits for them.
  refused := coalesce(not_open(), case when exists (
    select from clusters c where c.cluster_id = p_cluster and cardinality(c.tickets) > 0 and p_ticket <> all (c.tickets)) then 'identity_shared' end, refused);
  if refused is null then
    update addresses a set consumer_key = r.consumer, consumer_kind = r.kind, consumer_name = r.name, consumer_nic = r.nic,
           consumer_expires_at = greatest(a.consumer_expires_at, clock() + p_lease), changed_at = clock(), actor = p_actor, reason = 'consume'
    from unnest(items) with ordinality r
    where a.addr = picks[r.ordinality] and a.addr = any (picks)
      and (a.consumer_key is null or a.consumer_expires_at is not null);   -- a seen consumer gets no lease again
  end if;
  return query
  select r.ord, coalesce(refused, 'taken'), case when refused is null then picks[r.ordinality] end, c.held, c.used
  from unnest(items) with ordinality r, (
    select count(*)::int as held, count(a.consumer_key)::int as used from addresses a
    where a.holder_key = any (p_candidates) and a.state in ('active', 'reserved') and a.kept_since is null and a.cluster_id is not distinct from p_cluster and refused is not null) c;
end $$;
