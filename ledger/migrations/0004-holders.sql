-- Changes of an address after its allocation. Every function locks rows in address order, so two of them never
-- deadlock. Each compares address, generation and holder key: generations alone can repeat in two histories after a
-- failover.
--
-- `= any (addrs)` beside a join forces one index probe per item, whatever the join order is. A plain join, planned
-- while the table was small, reads the whole table at every call once it is large.

-- The release time never falls below the floor of the queue, even if the clock of a new primary is behind.
create function rock_mac.release_time(p rock_mac.pools) returns timestamptz language sql volatile set search_path = rock_mac, pg_temp
  return greatest(clock(), p.floor_at + interval '1 microsecond');

-- Force overrides the state, but not a consumer of a living cluster. A pod or VM may have taken the claim since the
-- caller read it.
create function rock_mac.release(p_items jsonb, p_force boolean, p_actor text, p_reason text)
returns table (ord int, outcome text) language plpgsql volatile
set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off as $$
#variable_conflict use_column
declare
  addrs bigint[] := array(select r.addr from jsonb_to_recordset(p_items) as r(addr bigint));
  done bigint[];
begin
  perform be_durable();
  perform 1 from addresses a where a.addr = any (addrs) order by a.addr for update;
  with u as (
    update addresses a set state = 'released', released_at = release_time(p), changed_at = clock(), expires_at = null, missing_since = null,
           kept_since = null, consumer_key = null, consumer_kind = null, consumer_name = null, consumer_uid = null, consumer_nic = null,
           consumer_expires_at = null, actor = p_actor, reason = p_reason
    from jsonb_to_recordset(p_items) as r(addr bigint, generation bigint, key text), pools p
    where a.addr = r.addr and a.addr = any (addrs) and a.generation = r.generation and a.holder_key = r.key and p.pool_id = a.pool_id
      and (a.state in ('pending', 'active') or (p_force and a.state <> 'released'))
      and (a.consumer_key is null
           or (p_force and not exists (select 1 from clusters c where c.cluster_id = a.cluster_id and c.retired_at is null)))
    returning a.addr)
  select array_agg(u.addr) into done from u;
  return query
  select r.ord, case when a.addr is null then 'unknown'
                     when a.generation <> r.generation or a.holder_key <> r.key then 'not_owner'
                     when a.addr = any (done) then 'released'
                     when a.state = 'released' then 'already_released'
                     when a.state = 'active' or p_force then 'has_consumer'
                     else 'needs_force' end
  from jsonb_to_recordset(p_items) as r(ord int, addr bigint, generation bigint, key text) left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

-- Releases pending rows whose lease has expired, after the operator found no object that uses them. The lease is
-- compared again, because a replay may have renewed it since the operator read the row.
create function rock_mac.release_expired_leases(p_items jsonb, p_actor text, p_reason text)
returns table (ord int, outcome text) language plpgsql volatile
set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off as $$
#variable_conflict use_column
declare
  addrs bigint[] := array(select r.addr from jsonb_to_recordset(p_items) as r(addr bigint));
  done bigint[];
begin
  perform be_durable();
  perform 1 from addresses a where a.addr = any (addrs) order by a.addr for update;
  with u as (
    update addresses a set state = 'released', released_at = release_time(p), changed_at = clock(), expires_at = null,
           actor = p_actor, reason = p_reason
    from jsonb_to_recordset(p_items) as r(addr bigint, generation bigint, key text), pools p
    where a.addr = r.addr and a.addr = any (addrs) and a.generation = r.generation and a.holder_key = r.key and p.pool_id = a.pool_id
      and a.state = 'pending' and a.expires_at < clock()
    returning a.addr)
  select array_agg(u.addr) into done from u;
  return query
  select r.ord, case when a.addr is null then 'unknown'
                     when a.addr = any (done) then 'released'
                     when a.generation <> r.generation or a.holder_key <> r.key then 'not_owner'
                     when a.state = 'released' then 'already_released'
                     else 'renewed' end
  from jsonb_to_recordset(p_items) as r(ord int, addr bigint, generation bigint, key text) left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

-- Binds an address to the uid of its stored object, which replaces the admission key. Also restores an address that was
-- released after its lease while the object was being stored, unless someone else has it. Binds nothing of a retired
-- cluster: its addresses stay orphaned.
create function rock_mac.bind(p_items jsonb, p_actor text) returns table (ord int, outcome text, generation bigint)
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off as $$
#variable_conflict use_column
declare
  addrs bigint[] := array(select r.addr from jsonb_to_recordset(p_items) as r(addr bigint));
  bound_keys text[] := array(select r.bound_key from jsonb_to_recordset(p_items) as r(bound_key text));
begin
  perform be_durable();
  -- Retiring a cluster reads what it holds and would miss a row restored here. This lock makes one wait for the other.
  perform 1 from clusters c where c.cluster_id in (select r.cluster from jsonb_to_recordset(p_items) as r(cluster text)) for key share;
  perform 1 from addresses a where a.addr = any (addrs) order by a.addr for update;
  update addresses a set state = 'active', holder_key = r.bound_key, owner_uid = r.uid, owner_name = r.name, owner_nic = r.nic,
         expires_at = null, missing_since = null, released_at = null, changed_at = clock(), actor = p_actor, reason = 'bind'
  from (select distinct on (bound_key) * from (
          select distinct on (addr) * from jsonb_to_recordset(p_items)
            as i(ord int, addr bigint, key text, bound_key text, cluster text, namespace text, kind text, uid text, name text, nic text)
          order by addr, ord) d order by bound_key, ord) r
  where a.addr = r.addr and a.addr = any (addrs) and a.holder_key = r.key and a.state in ('pending', 'released', 'orphaned')
    and a.cluster_id = r.cluster and a.owner_namespace is not distinct from r.namespace and a.owner_kind = r.kind
    and exists (select 1 from clusters c where c.cluster_id = r.cluster and c.retired_at is null)
    and not exists (select 1 from addresses h where h.holder_key = r.bound_key and h.holder_key = any (bound_keys) and h.state <> 'released'
                      and h.addr <> a.addr);
  return query
  select r.ord, case when a.addr is null then 'unknown'
                     when a.holder_key = r.bound_key and a.state = 'active' then 'bound'
                     else 'conflict' end, a.generation
  from jsonb_to_recordset(p_items) as r(ord int, addr bigint, bound_key text) left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

-- Keeps a reserved row after its claim was deleted without force. The next claim of its namespace that requests the
-- address gets it. A claim with a consumer is not kept: one may have arrived since the caller read the row.
create function rock_mac.keep_reserved(p_items jsonb, p_actor text, p_reason text) returns table (ord int, outcome text)
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off as $$
#variable_conflict use_column
declare
  addrs bigint[] := array(select r.addr from jsonb_to_recordset(p_items) as r(addr bigint));
begin
  perform be_durable();
  perform 1 from addresses a where a.addr = any (addrs) order by a.addr for update;
  update addresses a set kept_since = clock(), changed_at = clock(), actor = p_actor, reason = p_reason
  from jsonb_to_recordset(p_items) as r(addr bigint, generation bigint, key text)
  where a.addr = r.addr and a.addr = any (addrs) and a.generation = r.generation and a.holder_key = r.key and a.state = 'reserved' and a.kept_since is null
    and a.consumer_key is null;
  return query
  select r.ord, case when a.addr is null then 'unknown'
                     when a.generation <> r.generation or a.holder_key <> r.key then 'not_owner'
                     when a.kept_since is not null then 'kept'
                     when a.state = 'reserved' then 'has_consumer'
                     else 'not_reserved' end
  from jsonb_to_recordset(p_items) as r(ord int, addr bigint, generation bigint, key text) left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

-- Makes a pod or VM the consumer of a claim. `expected` is the consumer that the caller saw (null: none). Of two
-- concurrent callers, the second finds the other's key here. Repeating the call with the same key renews the lease. A
-- null lease means that the object was seen; then `key` is its final key and `expected` its earlier key.
create function rock_mac.take_consumer(p_items jsonb, p_lease interval, p_actor text)
returns table (ord int, outcome text, addr bigint, consumer_key text, expires_at timestamptz)
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off as $$
#variable_conflict use_column
declare
  keys text[] := array(select r.claim_key from jsonb_to_recordset(p_items) as r(claim_key text));
  consumers text[] := array(select r.key from jsonb_to_recordset(p_items) as r(key text));
  closed text;
begin
  perform 1 from addresses a where a.holder_key = any (keys) and a.state <> 'released'
  order by a.addr for update;
  closed := not_open();
  if closed is null or p_lease is null then     -- a seen consumer is recorded in any state of the ledger
    update addresses a set consumer_key = r.key, consumer_kind = r.kind, consumer_name = r.name, consumer_uid = r.uid, consumer_nic = r.nic,
           consumer_expires_at = case when p_lease is null then null
                                      when a.consumer_key = r.key then greatest(a.consumer_expires_at, clock() + p_lease)   -- a seen consumer gets no lease again
                                      else clock() + p_lease end,
           changed_at = clock(), actor = p_actor, reason = 'consume'
    from (select distinct on (claim_key) * from jsonb_to_recordset(p_items)
            as i(ord int, claim_key text, expected text, key text, kind text, name text, uid text, nic text) order by claim_key, ord) r
    where a.holder_key = r.claim_key and a.holder_key = any (keys) and a.state in ('active', 'reserved') and a.kept_since is null
      and (a.consumer_key is not distinct from r.expected or a.consumer_key = r.key)
      and (a.consumer_key is distinct from r.key or a.consumer_expires_at is not null)
      and not exists (select 1 from addresses h where h.consumer_key = r.key and h.consumer_key = any (consumers) and h.addr <> a.addr);
  end if;
  return query
  select r.ord, case when closed is not null and p_lease is not null then closed
                     when a.addr is null then 'unknown'
                     when a.consumer_key = r.key then 'taken'
                     else 'in_use' end, a.addr, a.consumer_key, a.consumer_expires_at
  from jsonb_to_recordset(p_items) as r(ord int, claim_key text, key text)
  left join addresses a on a.holder_key = r.claim_key and a.holder_key = any (keys) and a.state in ('active', 'reserved') and a.kept_since is null;
end $$;

-- Removes the consumer of a claim if the key matches and no lease runs. A consumer that called again since the caller
-- read the row has a new lease.
create function rock_mac.drop_consumer(p_items jsonb, p_actor text, p_reason text) returns table (ord int, outcome text)
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off as $$
#variable_conflict use_column
declare
  addrs bigint[] := array(select r.addr from jsonb_to_recordset(p_items) as r(addr bigint));
  done bigint[];
begin
  perform be_durable();
  perform 1 from addresses a where a.addr = any (addrs) order by a.addr for update;
  with u as (
    update addresses a set consumer_key = null, consumer_kind = null, consumer_name = null, consumer_uid = null, consumer_nic = null,
           consumer_expires_at = null, changed_at = clock(), actor = p_actor, reason = p_reason
    from jsonb_to_recordset(p_items) as r(addr bigint, key text) where a.addr = r.addr and a.addr = any (addrs) and a.consumer_key = r.key
      and (a.consumer_expires_at < clock()) is not false
    returning a.addr)
  select array_agg(u.addr) into done from u;
  return query
  select r.ord, case when a.addr = any (done) then 'dropped' else 'not_consumer' end
  from jsonb_to_recordset(p_items) as r(ord int, addr bigint) left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

-- Extends the expiry of devices and claims. Only the expiry changes, so there is no audit row. Null ttl: the pool's
-- period.
create function rock_mac.renew(p_items jsonb) returns table (ord int, outcome text, expires_at timestamptz)
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off as $$
#variable_conflict use_column
declare
  addrs bigint[] := array(select r.addr from jsonb_to_recordset(p_items) as r(addr bigint));
begin
  perform be_durable();
  perform 1 from addresses a where a.addr = any (addrs) order by a.addr for update;
  update addresses a set expires_at = clock() + coalesce(make_interval(secs => r.ttl), p.auto_release)
  from jsonb_to_recordset(p_items) as r(addr bigint, generation bigint, key text, ttl bigint), pools p
  where a.addr = r.addr and a.addr = any (addrs) and a.generation = r.generation and a.holder_key = r.key and a.state = 'active'
    and a.expires_at is not null and p.pool_id = a.pool_id and (r.ttl is not null or p.auto_release is not null);
  return query
  select r.ord, case when a.addr is null then 'unknown'
                     when a.generation <> r.generation or a.holder_key <> r.key or a.state <> 'active' then 'not_owner'
                     when a.expires_at is null then 'never_expires'
                     else 'renewed' end, case when a.state = 'active' then a.expires_at end
  from jsonb_to_recordset(p_items) as r(ord int, addr bigint, generation bigint, key text) left join addresses a on a.addr = r.addr and a.addr = any (addrs);
end $$;

-- Marks the addresses that a trusted resync of one cluster did not see. It locks and writes only rows that change, so a
-- large resync blocks nobody. It skips rows that changed after the resync began, because its list may be older than the
-- row. No nested loops: such a plan, made while the cluster was small, would compare every address with every other.
create function rock_mac.mark_missing(p_cluster text, p_started timestamptz, p_seen bigint[]) returns table (marked bigint, cleared bigint)
language plpgsql volatile set search_path = rock_mac, pg_temp set enable_nestloop = off as $$
#variable_conflict use_column
declare
  gone bigint[] := array(select a.addr from addresses a where a.cluster_id = p_cluster and a.state = 'active' and a.missing_since is null
                           and not exists (select 1 from unnest(p_seen) s where s = a.addr));
  back bigint[] := array(select a.addr from addresses a where a.cluster_id = p_cluster and a.missing_since is not null
                           and a.addr = any (p_seen));
begin
  update clusters set last_resync_at = clock() where cluster_id = p_cluster;   -- before its addresses, in the lock order of retire_cluster
  perform 1 from addresses a where a.addr = any (gone || back) order by a.addr for update;
  with m as (update addresses a set missing_since = clock()
             where a.addr = any (gone) and a.cluster_id = p_cluster and a.state = 'active' and a.missing_since is null
               and a.changed_at < p_started returning 1)
  select count(*) into marked from m;
  with c as (update addresses a set missing_since = null
             where a.addr = any (back) and a.cluster_id = p_cluster and a.missing_since is not null returning 1)
  select count(*) into cleared from c;
  return next;
end $$;

-- Records addresses that live objects of a cluster use: at the initial sync, for leak repair and after a recovery.
-- Takes free addresses, also within the reuse delay, and those of a replication gap. Never takes an address that
-- another owner holds. The pool locks keep a cursor from allocating the same address at the same time.
create function rock_mac.adopt(p_items jsonb, p_actor text)
returns table (ord int, outcome text, generation bigint, state text, holder jsonb)
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '2s' set enable_seqscan = off as $$
#variable_conflict use_column
declare
  reqs request[] := array(select r from jsonb_populate_recordset(null::request, p_items) r order by r.addr, r.ord);
  addrs bigint[] := array(select r.addr from unnest(reqs) r);
  keys text[] := array(select r.key from unnest(reqs) r);
  before bigint[];
begin
  perform be_durable();
  perform 1 from pools p where exists (select 1 from unnest(reqs) r where r.addr between p.first and p.last) order by p.pool_id for no key update;
  before := array(select a.addr from addresses a join unnest(reqs) r on r.addr = a.addr
                  where a.addr = any (addrs) and a.holder_key = r.key and a.state <> 'released');
  insert into addresses as a (addr, pool_id, state, origin, holder_key, cluster_id, owner_kind, owner_namespace, owner_name, owner_uid,
      owner_nic, device_id, device_type, metadata, allocated_at, changed_at, expires_at, requester, actor, reason)
  select r.addr, p.pool_id, r.state, 'adopt', r.key, r.cluster, r.kind, r.namespace, r.name, r.uid, r.nic, r.device, r.type,
         coalesce(r.metadata, '{}'), clock(), clock(), case r.state when 'active' then clock() + make_interval(secs => r.ttl) end,
         r.requester, p_actor, coalesce(r.reason, 'adopt')
  from (select distinct on (addr) * from (select distinct on (key) * from unnest(reqs) i order by key, ord) k order by addr, ord) r
  join pools p on r.addr between p.first and p.last
  join clusters c on c.cluster_id = r.cluster and c.retired_at is null
  where r.key <> all (array(select h.holder_key from addresses h where h.holder_key = any (keys) and h.state <> 'released'))
  order by r.addr
  on conflict (addr) do update set state = excluded.state, origin = excluded.origin, holder_key = excluded.holder_key,
      cluster_id = excluded.cluster_id, owner_kind = excluded.owner_kind, owner_namespace = excluded.owner_namespace,
      owner_name = excluded.owner_name, owner_uid = excluded.owner_uid, owner_nic = excluded.owner_nic, device_id = excluded.device_id,
      device_type = excluded.device_type, metadata = excluded.metadata, allocated_at = excluded.allocated_at,
      changed_at = excluded.changed_at, expires_at = excluded.expires_at, requester = excluded.requester, actor = excluded.actor,
      reason = excluded.reason, released_at = null, missing_since = null, generation = a.generation + 1
    where a.state = 'released'
       or (a.state = 'orphaned' and (a.origin = 'replication-gap' or (a.cluster_id = excluded.cluster_id and a.owner_uid = excluded.owner_uid)));
  return query
  select r.ord,
         case when not exists (select 1 from clusters c where c.cluster_id = r.cluster and c.retired_at is null) then 'not_registered'
              when h.addr = r.addr and h.addr = any (before) then 'held'
              when h.addr = r.addr then 'adopted'
              when h.addr is not null then 'key_conflict'
              when a.addr is not null then 'conflict'
              else 'in_no_pool' end,
         h.generation, coalesce(h.state, a.state), case when h.addr is distinct from a.addr then holder_of(a) end
  from unnest(reqs) r
  left join addresses a on a.addr = r.addr and a.addr = any (addrs)
  left join addresses h on h.holder_key = r.key and h.holder_key = any (keys) and h.state <> 'released';
end $$;
