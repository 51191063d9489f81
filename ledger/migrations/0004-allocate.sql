-- Allocation of addresses.

-- Where the cursor of a pool is: the turn of the next address that was never used. Turns have the numbers of the addresses, and the
-- strategy decides which address has which turn. When one order has come to its end, every address has a row: so has the other one.
create function rock_mac.cursor_of(p rock_mac.pools) returns bigint language sql immutable parallel safe
  return case when p.next_addr > p.last or p.first + p.draws > p.last then p.last + 1
              when p.strategy = 'random' then p.first + p.draws
              else p.next_addr end;

-- About how many addresses of a pool no random order has handed out: neither this one nor those before the pool grew.
create function rock_mac.never_drawn(p rock_mac.pools) returns float8 language sql immutable parallel safe
begin atomic
  select (size - p.draws)::float8 * (size - p.drawn_before) / size from (select p.last - p.first + 1 as size) s;
end;

-- About how many addresses of a pool were never used. Each order knows only what it handed out itself, and two orders have as many
-- addresses in common as chance has it. Exact for a pool that has always had the same order and range.
create function rock_mac.never_used(p rock_mac.pools) returns bigint language sql immutable parallel safe
  return floor(rock_mac.never_drawn(p) * (p.last - p.next_addr + 1) / (p.last - p.first + 1))::bigint;

-- Returns the address of a turn in the random order. The order is a permutation of the pool: no address comes twice, and none is left
-- out. It follows from the seed alone, so a recovery repeats what a lost transaction has drawn.
--
-- A Feistel network on a grid of the size of the pool: a hash of one coordinate moves the other one, in turns. The grid has less than a
-- row more than the pool, and a place there leads on to the next. After three rounds no test of ours finds a pattern; after two, one did.
-- Postgres cannot change this hash, because tables that are partitioned by it depend on it.
create function rock_mac.address_at(p rock_mac.pools, turn bigint) returns bigint language plpgsql immutable parallel safe as $$
declare
  size constant bigint := p.last - p.first + 1;
  width constant bigint := ceil(sqrt(size));
  height constant bigint := (size + width - 1) / width;
  n bigint := turn - p.first; x bigint; y bigint;
begin
  if (turn between p.first and p.last and p.seed is not null) is not true then return null; end if;   -- it would lead nowhere
  loop
    x := n % width; y := n / width;
    for round in 1..3 loop
      x := (x + abs(hashint8extended(8 * y + 2 * round, p.seed) % width)) % width;
      y := (y + abs(hashint8extended(8 * x + 2 * round + 1, p.seed) % height)) % height;
    end loop;
    n := y * width + x;
    exit when n < size;
  end loop;
  return p.first + n;
end $$;

-- Draws addresses that were never used, and returns them with the number of draws afterwards. A turn whose address has a row is over:
-- it was requested by name, is observed, or was used before the pool was random.
create function rock_mac.draw(p rock_mac.pools, want int, turns bigint, out picks bigint[], out draws bigint)
language plpgsql stable set search_path = rock_mac, pg_temp set enable_seqscan = off as $$
declare next bigint;
begin
  picks := '{}'; draws := p.draws;
  if cursor_of(p) > p.last then return; end if;
  while cardinality(picks) < want and draws < least(p.draws + turns, p.last - p.first + 1) loop
    next := address_at(p, p.first + draws);
    draws := draws + 1;
    if not exists (select from addresses a where a.addr = next) then picks := picks || next; end if;
  end loop;
end $$;

-- Writes requests to addresses: picks[i] goes to reqs[i]. An existing row must be free for this owner. It is free if it
-- was released and its pool's delay has passed, or if this owner or another one of its namespace had it last and was seen to
-- end, or if the request overrides the delay. It is also free if it is reserved, its claim was deleted, and a claim of the same namespace
-- requests it by name. A namespace that was created later is not the same, although it has the name. A request that does not
-- say since when its namespace exists may only be of the owner itself. An observation does not keep a requested address: its
-- user may use the pool. A sticky address is never older than its namespace: the clock of the ledger may be behind that of the
-- API server.
create function rock_mac.place(p rock_mac.pools, reqs rock_mac.item[], picks bigint[], t timestamptz, p_lease interval, p_ready timestamptz)
returns void language sql volatile set search_path = rock_mac, pg_temp
begin atomic
  insert into addresses as a (addr, pool_id, state, origin, holder_key, cluster_id, owner_kind, owner_namespace, owner_name, owner_uid,
      owner_nic, device_id, device_type, metadata, allocated_at, changed_at, expires_at, requester, actor, reason)
  select picks[r.ordinality], p.pool_id, r.state, 'allocate', r.key, r.cluster, r.kind, r.namespace, r.name, r.uid, r.nic, r.device, r.type,
         coalesce(r.metadata, '{}'), case when is_sticky(r.key) then greatest(t, r.namespace_since) else t end, t,
         case r.state when 'pending' then t + p_lease
                      when 'active' then t + coalesce(make_interval(secs => r.ttl), case when r.cluster is null then p.auto_release end) end,
         r.requester, r.actor, coalesce(r.reason, '')
  from unnest(reqs) with ordinality r
  where r.ordinality <= cardinality(picks)
  on conflict (addr) do update set
      state = case when a.state = 'reserved' then 'reserved' else excluded.state end,
      expires_at = case when a.state = 'reserved' then null else excluded.expires_at end,
      origin = excluded.origin, holder_key = excluded.holder_key, cluster_id = excluded.cluster_id,
      owner_kind = excluded.owner_kind, owner_namespace = excluded.owner_namespace, owner_name = excluded.owner_name,
      owner_uid = excluded.owner_uid, owner_nic = excluded.owner_nic, device_id = excluded.device_id,
      device_type = excluded.device_type, metadata = excluded.metadata, allocated_at = excluded.allocated_at,
      changed_at = excluded.changed_at, requester = excluded.requester, actor = excluded.actor,
      reason = case when a.released_at > p_ready and exists (select from unnest(reqs) r where r.key = excluded.holder_key and r.override_delay)
                    then 'reuse delay overridden' else excluded.reason end,
      released_at = null, end_unseen = false, missing_since = null, kept_since = null, generation = a.generation + 1
    where (a.state = 'released'
           and (a.released_at <= p_ready
                or exists (select from unnest(reqs) r where r.key = excluded.holder_key and r.override_delay)
                or (not a.end_unseen and a.cluster_id = excluded.cluster_id and a.owner_namespace = excluded.owner_namespace
                    and exists (select from unnest(reqs) r where r.key = excluded.holder_key
                                  and (r.namespace_since <= a.allocated_at
                                       or (r.namespace_since is null and a.owner_kind = excluded.owner_kind and a.owner_name = excluded.owner_name))))
                or (a.cluster_id is null and excluded.cluster_id is null and a.device_id = excluded.device_id)))
       or (a.kept_since is not null and a.cluster_id = excluded.cluster_id
           and a.owner_kind = excluded.owner_kind and a.owner_namespace = excluded.owner_namespace
           and not exists (select from unnest(reqs) r where r.key = excluded.holder_key and r.namespace_since > a.allocated_at));
end;

-- Returns the requests with the address that each interface released last, for those that prefer it to the next one. The
-- caller holds the pool lock, without which nobody gives a released address to a new owner. A namespace that was created
-- later is not the same, and an address that a live object uses goes only to those who ask for it. `prefer_last` is true afterwards for
-- those with an address from here.
create function rock_mac.prefer_last(p rock_mac.pools, reqs rock_mac.item[], skip text[]) returns rock_mac.item[]
language plpgsql stable set search_path = rock_mac, pg_temp as $$
begin
  for i in 1..cardinality(reqs) loop
    reqs[i].prefer_last := coalesce(reqs[i].prefer_last, false) and reqs[i].addr is null and reqs[i].key <> all (skip);
    continue when not reqs[i].prefer_last;
    reqs[i].addr := (
      select a.addr from addresses a
      where a.state = 'released' and a.owner_kind = 'VirtualMachine' and a.cluster_id = reqs[i].cluster and a.owner_kind = reqs[i].kind
        and a.owner_namespace = reqs[i].namespace and a.owner_name = reqs[i].name and a.owner_nic = reqs[i].nic
        and a.pool_id = p.pool_id and not a.blocked and a.allocated_at >= reqs[i].namespace_since
      order by a.released_at desc, a.addr limit 1);
  end loop;
  return reqs;
end $$;

-- Whether a cluster may use addresses of a pool that nobody has looked for: its prefix was added after the cluster was registered, and
-- no resync has compared the cluster under it since. Then the ledger knows of no use, and would hand out what a device has.
create function rock_mac.is_unseen(p rock_mac.pools) returns boolean language sql stable set search_path = rock_mac, pg_temp
return exists (select from prefixes f join clusters c on c.registered_at < f.added_at
               where p.first between f.first and f.last and c.adopted_at is not null and c.retired_at is null and f.prefix <> all (c.looked_under));

-- Allocates for N requests of one pool in one transaction and one round trip.
--
-- PL/pgSQL instead of one WITH statement: in READ COMMITTED each inner statement gets a new snapshot. So everything
-- after the pool lock sees what the previous holder committed. A single statement would see the ledger as it was before
-- the wait.
--
-- Generic plans: the planner estimates a group of one as cheaper than the ten it assumes. It would then plan the result
-- query anew at every call, which takes a fifth of the call. No plan here depends on the sizes of tables or groups.
create function rock_mac.allocate(p_pool text, p_requests jsonb, p_lease interval)
returns table (ord int, outcome text, addr bigint, generation bigint, state text, expires_at timestamptz, holder jsonb, until timestamptz, pool text,
               node text)
language plpgsql volatile security definer
set search_path = rock_mac, pg_temp set lock_timeout = '500ms' set enable_seqscan = off set plan_cache_mode = force_generic_plan
as $$
#variable_conflict use_column
declare
  p pools; closed text; held text; t timestamptz; ready timestamptz; next_reuse timestamptz; q record; me reach := reach();
  reqs item[]; keys text[]; denied text[] := '{}'; from_copy text[] := '{}'; taken text[]; not_adopted text[]; replay text[]; capped text[]; over_pool text[] := '{}'; over_namespace text[] := '{}'; skip text[];
  sticky boolean; prefers boolean; again text[] := '{}'; unreachable text[] := '{}'; other_namespace text[] := '{}'; over_unused text[] := '{}';
  todo item[]; picks bigint[] := '{}'; more bigint[];
  want int; start bigint; cur bigint; stop bigint; win bigint;
begin
  select array_agg(r), array_agg(r.key), bool_or(is_sticky(r.key)), bool_or(r.prefer_last) into reqs, keys, sticky, prefers from jsonb_populate_recordset(null::item, p_requests) r;
  -- 1. The pool lock keeps two groups from taking the same next address. NO KEY: it must not block reports.
  select * into p from pools where name = p_pool for no key update;
  if not found then closed := 'pool_not_found';
  else
    closed := not_open();                                 -- 2. The guard, after the wait.
    if closed is null and p.paused then closed := 'pool_paused'; end if;
    if closed is null and is_unseen(p) then closed := 'prefix_not_seen'; end if;
  end if;
  if closed is not null then
    return query select r.ord, closed, null::bigint, null::bigint, null::text, null::timestamptz, null::jsonb, null::timestamptz, null::text, null::text
                 from unnest(reqs) r;
    return;
  end if;
  t := clock();                                           -- not now(), which is older than the wait for the lock
  ready := t - p.reuse_delay;

  -- 3. Before its initial sync, a cluster could get an address that one of its live objects uses.
  not_adopted := array(select r.key from unnest(reqs) r where r.cluster is not null and r.cluster <> all (array(
                 select c.cluster_id from clusters c where c.adopted_at is not null and c.retired_at is null)));

  -- 3b. The webhook of a copy of the cluster shows a ticket that the chain has left behind. A group has one ticket or two.
  if exists (select 1 from unnest(reqs) r where r.ticket is not null) then
    from_copy := array(select r.key from unnest(reqs) r where r.ticket = any (array(
                select d.ticket from (select distinct q.cluster, q.ticket from unnest(reqs) q) d join clusters c on c.cluster_id = d.cluster
                where cardinality(c.tickets) > 0 and d.ticket <> all (c.tickets))));
    not_adopted := not_adopted || from_copy;
  end if;

  if not me.everything then
    denied := array(select r.key from unnest(reqs) r where r.cluster is distinct from me.cluster);
    not_adopted := not_adopted || denied;
  end if;

  -- 4. Replays: a key that holds an address keeps it. A pending one gets a new lease and a device its full period, in
  -- this transaction. So expiry cannot take it right after this result. (The operator of a claim handles its expiry.)
  replay := array(select a.holder_key from addresses a
                  where a.holder_key = any (keys) and a.holder_key <> all (not_adopted) and a.state <> 'released'
                  order by a.addr + 0 for update);   -- + 0: sort the result instead of reading in primary-key order
  -- The key of another owner, which a caller may have read. Or another cluster took the key of this one: then that cluster uses the address.
  if cardinality(replay) > 0 then
    taken := array(select a.holder_key from addresses a join unnest(reqs) r on r.key = a.holder_key
                   where a.holder_key = any (replay) and a.state <> 'released' and a.cluster_id is distinct from r.cluster);
    denied := denied || taken; not_adopted := not_adopted || taken;
    replay := array(select k from unnest(replay) k where k <> all (taken));
  end if;
  -- A sticky key names no pool, so the address may be in another one. It is kept from the next pod while the last one may still run
  -- on a node that does not respond, and from a namespace that only has the name of the former.
  if sticky and cardinality(replay) > 0 then
    select coalesce(array_agg(a.holder_key) filter (where a.unreachable_node is not null), '{}'),
           coalesce(array_agg(a.holder_key) filter (where r.namespace_since > a.allocated_at), '{}')
    into unreachable, other_namespace
    from addresses a join unnest(reqs) r on r.key = a.holder_key
    where a.holder_key = any (replay) and a.state <> 'released' and is_sticky(a.holder_key);
    -- Unused from now on, and no longer since before: whoever is about to release it compares that time (release_unused), in
    -- milliseconds. It ends when the object is seen. Creates that are refused later would otherwise hide unused addresses from the limit.
    update addresses a set missing_since = greatest(t, a.missing_since + interval '1 millisecond')
    where a.holder_key = any (replay) and a.state = 'active' and is_sticky(a.holder_key) and a.missing_since is not null
      and a.holder_key <> all (unreachable || other_namespace);
  end if;
  if cardinality(replay) > 0 then
    update addresses a set expires_at = greatest(a.expires_at, t + case a.state when 'pending' then p_lease
                                                                   else coalesce(make_interval(secs => r.ttl), p.auto_release) end)
    from (select distinct on (key) key, ttl from unnest(reqs) order by key, ord) r
    where a.holder_key = r.key and a.holder_key = any (replay) and a.state <> 'released' and (a.pool_id = p.pool_id or is_sticky(a.holder_key))
      and a.holder_key <> all (unreachable || other_namespace)
      and (a.state = 'pending' or (a.cluster_id is null and a.expires_at is not null));
  end if;

  -- 5. Failing creates leave pending rows behind. At the cap, a namespace waits until some are bound or released.
  -- Groups of other pools may count at the same time, so the cap can be exceeded by a group or two. Counted once per
  -- namespace (`materialized`): once per request, a group of 128 took 80 ms.
  capped := array(
    with asked as materialized (
      select r.key, r.cluster, r.namespace, row_number() over (partition by r.cluster, r.namespace order by r.ord) as nth
      from unnest(reqs) r
      where r.state = 'pending' and r.cluster is not null and r.key <> all (replay) and r.key <> all (not_adopted)),
    used as materialized (
      select n.cluster, n.namespace, s.pending_cap - (select count(*) from (
               select 1 from addresses a where a.state = 'pending' and a.cluster_id = n.cluster and a.owner_namespace = n.namespace
               limit s.pending_cap) c) as left_over
      from (select distinct cluster, namespace from asked) n, ledger_state s)
    select a.key from asked a join used u using (cluster, namespace) where a.nth > u.left_over);

  -- 5b. Quotas, for namespaces that have one. Everything that a namespace holds counts: pods, virtual machines and claims.
  -- Two groups of other pools may pass the limit of a namespace by a group; the pool lock keeps that of a pool exact.
  if exists (select 1 from unnest(reqs) r where r.max_addresses is not null) or exists (select 1 from pool_limits l where l.pool_id = p.pool_id) then
    select coalesce(array_agg(q.key) filter (where q.nth > q.max_in_pool - q.in_pool), '{}'),
           coalesce(array_agg(q.key) filter (where q.nth > q.max_addresses - q.in_all), '{}')
    into over_pool, over_namespace
    from (
      with asked as materialized (
        select r.key, r.cluster, r.namespace, r.max_addresses, row_number() over (partition by r.cluster, r.namespace order by r.ord) as nth
        from unnest(reqs) r where r.cluster is not null and r.key <> all (replay) and r.key <> all (not_adopted)),
      held as materialized (
        select n.cluster, n.namespace, n.max_in_pool,
               (select count(*) from (select 1 from addresses a where a.cluster_id = n.cluster and a.owner_namespace = n.namespace
                  and a.state <> 'released' and a.addr between p.first and p.last limit n.max_in_pool) c) as in_pool,
               (select count(*) from (select 1 from addresses a where a.cluster_id = n.cluster and a.owner_namespace = n.namespace
                  and a.state <> 'released' limit n.max_addresses) c) as in_all
        from (select a.cluster, a.namespace, max(l.max_per_namespace) as max_in_pool, max(a.max_addresses) as max_addresses
              from asked a left join pool_limits l on l.cluster_id = a.cluster and l.pool_id = p.pool_id group by a.cluster, a.namespace) n)
      select a.key, a.nth, a.max_addresses, h.max_in_pool, h.in_pool, h.in_all from asked a join held h using (cluster, namespace)) q;
  end if;

  -- 5c. Names that never come back must not fill a pool: a namespace with too many unused sticky addresses gets no new ones.
  if sticky then
    over_unused := array(
      with asked as materialized (
        select r.key, r.cluster, r.namespace, r.unused_limit from unnest(reqs) r
        where r.unused_limit is not null and is_sticky(r.key) and r.key <> all (replay) and r.key <> all (not_adopted)),
      unused as materialized (
        select n.cluster, n.namespace, (select count(*) from (select 1 from addresses a where a.cluster_id = n.cluster and a.owner_namespace = n.namespace
                 and a.missing_since is not null and a.state = 'active' and is_sticky(a.holder_key) limit n.unused_limit) c) as held
        from (select a.cluster, a.namespace, max(a.unused_limit) as unused_limit from asked a group by a.cluster, a.namespace) n)
      select a.key from asked a join unused u using (cluster, namespace) where u.held >= a.unused_limit);
  end if;
  skip := not_adopted || replay || capped || over_pool || over_namespace || over_unused;

  -- 5d. Only machines prefer the last address of an interface, and only their released rows are in its index.
  if prefers then reqs := prefer_last(p, reqs, skip); end if;

  -- 6. Requests for a specific address go first, so the cursor skips them. A key or an address that occurs twice in a
  -- group counts once.
  todo := array(select row(d.*)::item from (
            select distinct on (addr) * from (
              select distinct on (key) * from unnest(reqs) r where addr between p.first and p.last and key <> all (skip)
              order by key, ord) k order by addr, ord) d);
  if cardinality(todo) > 0 then
    held := expiry_held();
    if held is not null then ready := '-infinity'; end if;   -- no reuse delay passes: only the last owner gets a released address
    skip := skip || array(select u.key from unnest(todo) u);   -- the same key may also have requested any address
    -- Without those that are held, which place() would lock: a group of another pool may have locked them to replay a sticky
    -- key, and wait for what this group replays.
    todo := array(select row(u.*)::item from unnest(todo) u
                  where (select a.state <> 'released' and a.kept_since is null from addresses a where a.addr = u.addr) is not true);
    perform place(p, todo, array(select u.addr from unnest(todo) with ordinality u order by u.ordinality), t, p_lease, ready);
  end if;

  -- 6b. Another request of the group may have got the address that a machine prefers. It may have any, so it gets the next one.
  if prefers then
    for i in 1..cardinality(reqs) loop
      continue when not reqs[i].prefer_last or reqs[i].addr is null
        or exists (select 1 from addresses a where a.holder_key = reqs[i].key and a.state <> 'released');
      reqs[i].addr := null;
      again := again || reqs[i].key;
    end loop;
    skip := array(select k from unnest(skip) k where k <> all (again));
  end if;

  -- 7. The other requests want the next address. New sticky keys come in their order: a group of another pool may write some of
  -- them at the same moment, and each would wait for a key of the other one.
  todo := array(select row(d.*)::item from (
            select distinct on (key) * from unnest(reqs) r where addr is null and key <> all (skip) order by key, ord) d
            order by case when is_sticky(key) then key else '' end, ord);
  want := cardinality(todo); start := cursor_of(p); cur := start;

  -- 8a. A random pool draws. A pool in which almost every address was used before it was random needs more than one call.
  if want > 0 and p.strategy = 'random' then
    select d.picks, d.draws into picks, p.draws from draw(p, want, want + 4096) d;
    cur := cursor_of(p);

  -- 8b. The cursor. One range probe checks whether any address ahead is used. Only then it walks, in growing windows and
  -- at most about 22,000 addresses per call. The walk is committed, so each address is walked once. `order by` is
  -- required: the planner may read addresses from a hash, and the cursor would then skip some for good. `between` is too: a
  -- merge join would read the index from the first address of the ledger on, 100 ms at 460,000 rows.
  elsif want > 0 and cur <= p.last then
    stop := least(p.last, cur + want - 1);
    if not exists (select 1 from addresses a where a.addr between cur and stop) then
      picks := array(select g from generate_series(cur, stop) g order by g); cur := stop + 1;
    else
      win := want + 64;
      loop
        stop := least(p.last, cur + win - 1);
        more := array(select s.g from (select generate_series(cur, stop) g offset 0) s
                      where not exists (select 1 from addresses a where a.addr = s.g and a.addr between cur and stop)
                      order by s.g limit want - cardinality(picks));
        picks := picks || more;
        cur := case when cardinality(picks) = want then picks[want] + 1 else stop + 1 end;
        exit when cardinality(picks) = want or cur > p.last or win > 16384;
        win := win * 4;
      end loop;
    end if;
    p.next_addr := cur;
  end if;

  -- 9. After the end of the range: the addresses released longest ago whose delay has passed. The floor keeps the scan
  -- off dead index entries, which a long report transaction keeps alive.
  if cardinality(picks) < want and cur > p.last then
    held := expiry_held();
    if held is not null then ready := '-infinity'; end if;
    for q in select a.addr, a.released_at from addresses a
             where a.pool_id = p.pool_id and a.state = 'released' and not a.blocked
               and (a.released_at, a.addr) > (p.floor_at, p.floor_addr) and a.released_at <= ready
             order by a.released_at, a.addr limit want - cardinality(picks) for update
    loop
      picks := picks || q.addr; p.floor_at := q.released_at; p.floor_addr := q.addr;
    end loop;
  end if;

  -- 10. Write.
  if cardinality(picks) > 0 then
    perform place(p, todo, picks, t, p_lease, ready);
    update pools set next_addr = p.next_addr, draws = p.draws, floor_at = p.floor_at, floor_addr = p.floor_addr where pool_id = p.pool_id;
  elsif cur <> start then
    update pools set next_addr = p.next_addr, draws = p.draws where pool_id = p.pool_id;
  end if;
  if cardinality(picks) < want and cur > p.last then
    select a.released_at + p.reuse_delay into next_reuse from addresses a
    where a.pool_id = p.pool_id and a.state = 'released' and not a.blocked and (a.released_at, a.addr) > (p.floor_at, p.floor_addr)
    order by a.released_at, a.addr limit 1;
  end if;

  -- 11. One result per request, independent of the others. h: the row that the key holds now; b: the row of the
  -- requested address. `limit 1` forces one index probe per request. A plain join, planned while the table was small,
  -- read all held addresses for a hash: 25 ms per call at 25,000 rows, and growing.
  return query
  select r.ord,
         case when r.key = any (denied) and me.cluster is distinct from '' then 'not_allowed'
              when r.key = any (from_copy) then 'identity_shared'
              when r.key = any (not_adopted) then 'not_adopted'
              when h.addr <> r.addr or (h.pool_id <> p.pool_id and not is_sticky(r.key)) then 'key_conflict'
              when r.key = any (other_namespace) then 'other_namespace'
              when r.key = any (unreachable) then 'consumer_unreachable'
              when h.addr is not null and h.holder_key = any (replay) then 'replayed'
              when h.addr is not null then 'allocated'
              when r.key = any (over_pool) then 'pool_quota'
              when r.key = any (over_namespace) then 'namespace_quota'
              when r.key = any (over_unused) then 'unused_limit'
              when r.key = any (capped) then 'pending_cap'
              when r.addr not between p.first and p.last then 'out_of_range'
              when b.addr is not null then 'in_use'
              when r.addr is not null or cur <= p.last then 'retry'   -- the address is free: another request of its key was served
              when held is not null then 'expiry_held'
              else 'exhausted' end,
         coalesce(h.addr, b.addr), h.generation, coalesce(h.state, b.state), h.expires_at,
         case when b.addr is not null then holder_of(b) end,
         case when h.addr is not null then null
              when b.state = 'released' then case when held is null then b.released_at + p.reuse_delay end
              when b.addr is not null then b.expires_at
              when r.addr is null and held is null then next_reuse end,
         case when h.pool_id <> p.pool_id then (select q.name from pools q where q.pool_id = h.pool_id) when h.addr is not null then p.name end,
         h.unreachable_node
  from unnest(reqs) r
  left join lateral (select * from addresses a where a.holder_key = r.key and a.state <> 'released' limit 1) h on r.key <> all (not_adopted)
  left join lateral (select * from addresses a where a.addr = r.addr and h.addr is null limit 1) b on true;
end $$;
