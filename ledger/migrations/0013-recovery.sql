-- After a failover or a restore the ledger may lack its last acknowledged allocations. It detects this by its timeline
-- and system identifier. It hands out nothing until it has covered them, and always opens again.

-- The next addresses in stock, at most so many, of all clusters.
create function rock_mac.next_stock(p_limit int) returns bigint[] language sql stable set search_path = rock_mac, pg_temp set enable_seqscan = off
begin atomic
  select coalesce(array_agg(s.addr), '{}') from (
    select a.addr from clusters c cross join lateral (
      select a.addr from addresses a where a.cluster_id = c.cluster_id and a.state = 'stocked' limit p_limit) a
    limit p_limit) s;
end;

-- Opens a recovering ledger when it waits for nothing any more.
create function rock_mac.open_if_ready() returns text language plpgsql volatile set search_path = rock_mac, pg_temp as $$
begin
  update ledger_state s set mode = 'open', why = '', changed_at = clock()
  where s.mode = 'recovering' and not s.needs_approval and s.renewed_to is null and not exists (
    select 1 from clusters c where c.adopted_at is not null and c.retired_at is null and c.reported_epoch < s.epoch)
    and next_stock(1) = '{}';
  return (select s.mode from ledger_state s);
end $$;

-- Allocation has a fixed order, also in a random pool. So lost allocations can only be the next addresses in that order: first from the
-- cursor, then from the head of the queue. Those are set aside until a cluster reports them in use, or a person
-- releases them by force.
create function rock_mac.set_gap_aside(p_epoch bigint, p_actor text) returns void
language plpgsql volatile set search_path = rock_mac, pg_temp as $$
declare p pools; got bigint[]; cur bigint; n int; key text := 'replication-gap/' || p_epoch || '/';
        gap int := (select replication_gap from ledger_state);
begin
  for p in select * from pools order by pool_id loop
    got := '{}'; cur := cursor_of(p);
    if p.strategy = 'random' then
      -- A recovery has ten seconds. So many turns take two or three, and more than any caller can have taken within a failover's lag.
      select d.picks, d.draws into got, p.draws from draw(p, gap, 262144) d;
    else
      while cardinality(got) < gap and cur <= p.last loop   -- skips any number of used addresses
        got := got || array(select g.g from (select generate_series(cur, least(p.last, cur + 16383)) g offset 0) g
                            where not exists (select 1 from addresses a where a.addr = g.g and a.addr between cur and cur + 16383)
                            order by g.g limit gap - cardinality(got));
        cur := cur + 16384;
      end loop;
      if got <> '{}' then p.next_addr := got[cardinality(got)] + 1; end if;
    end if;
    n := cardinality(got);
    insert into addresses (addr, pool_id, state, origin, holder_key, allocated_at, changed_at, requester, actor, reason)
    select g, p.pool_id, 'orphaned', 'replication-gap', key || g, clock(), clock(), p_actor, p_actor, 'may have been handed out before the failover'
    from unnest(got) g order by g;
    if n > 0 then update pools set next_addr = p.next_addr, draws = p.draws where pool_id = p.pool_id; end if;
    if n < gap then
      -- Only those that were reusable by then. The margin covers a clock behind the old primary's.
      update addresses a set state = 'orphaned', origin = 'replication-gap', released_at = null, end_unseen = false, generation = a.generation + 1, holder_key = key || a.addr,
             cluster_id = null, owner_kind = null, owner_namespace = null, owner_name = null, owner_uid = null, owner_nic = null,
             device_id = null, device_type = null, metadata = '{}', allocated_at = clock(), changed_at = clock(),
             requester = p_actor, actor = p_actor, reason = 'may have been handed out before the failover'
      where a.state = 'released'                             -- checked again: its object may be bound concurrently
        and a.addr in (select b.addr from addresses b where b.pool_id = p.pool_id and b.state = 'released' and not b.blocked
                         and b.released_at <= clock() - p.reuse_delay + interval '5 minutes'
                       order by b.released_at, b.addr limit gap - n);
    end if;
  end loop;
end $$;

-- Sets stock aside during a recovery, and returns the number of addresses: 0 if none is left. The last changes of stocks may be
-- lost too. A webhook drops what is no stock any more, and pods that got such an address show it.
--
-- A part in each call: a statement for 100,000 addresses takes longer than an operator waits. Until none is left, the ledger stays
-- closed, so nobody fills a stock meanwhile. The lock makes one caller wait for the other, and for the end of the recovery's start.
create function rock_mac.set_stock_aside(p_actor text) returns bigint
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '5s' as $$
declare s ledger_state; addrs bigint[];
begin
  perform be_durable();
  select * into s from ledger_state for update;
  if s.mode <> 'recovering' or s.gap_due then return 0; end if;
  addrs := next_stock(2048);
  perform 1 from addresses a where a.addr = any (addrs) order by a.addr for update;   -- the order of lock_addresses()
  update addresses a set state = 'orphaned', origin = 'replication-gap', changed_at = clock(), actor = p_actor, reason = 'stock of before the failover'
  where a.addr = any (addrs) and a.state = 'stocked';
  perform open_if_ready();
  return cardinality(addrs);
end $$;

-- Renews what could end during a recovery only because its last renewal is lost: the expiry of devices, and since when an address
-- is missing. Returns the number of addresses that it went through: 0 at the end.
--
-- A part in each call, in the order of the addresses, for the reason of set_stock_aside(). Until the end, the ledger stays closed, so
-- no device expires.
create function rock_mac.renew_in_recovery() returns bigint
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '5s' set enable_seqscan = off as $$
declare s ledger_state; stop bigint; n bigint;
begin
  perform be_durable();
  select * into s from ledger_state for update;              -- one caller waits for the other, as in set_stock_aside()
  if s.mode <> 'recovering' or s.renewed_to is null then return 0; end if;
  select max(x.addr), count(*) into stop, n from (select a.addr from addresses a where a.addr > s.renewed_to order by a.addr limit 4096) x;
  with due as materialized (
    select a.addr, clock() + coalesce(p.auto_release, a.expires_at - a.allocated_at) as until
    from addresses a join pools p using (pool_id)
    where a.addr > s.renewed_to and a.addr <= stop
      and (a.missing_since is not null or (a.cluster_id is null and a.state = 'active' and a.expires_at is not null))
    order by a.addr for update of a)
  update addresses a set missing_since = null, expires_at = case when a.cluster_id is null then greatest(a.expires_at, d.until) else a.expires_at end
  from due d where a.addr = d.addr;
  update ledger_state set renewed_to = stop;
  if stop is null then perform open_if_ready(); end if;
  return n;
end $$;

-- Starts a new epoch. `p_expected` is the epoch that the caller saw; of many callers, one starts the recovery.
-- `p_lossy`: acknowledged allocations may be missing whatever the durability is (a restored backup). `p_approval`: it
-- opens only after an admin approves, because more may be missing than the replication gap. `p_above`: the highest
-- epoch that anyone has stored. A backup may be older than the last recoveries, and an epoch must never repeat.
--
-- If the database itself shows no change, the report of one cluster's login closes the ledger, once, until an admin
-- approves. Only the approval sets addresses aside: otherwise that login could use up the pools of all.
create function rock_mac.recover(p_expected bigint, p_lossy boolean, p_approval boolean, p_above bigint, p_actor text) returns bigint
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '5s' as $$
declare s ledger_state; next_epoch bigint; me reach := reach(); changed boolean; only_reported boolean;
begin
  perform be_durable();
  perform 1 from pools order by pool_id for update;         -- no allocation is running after this line
  select * into s from ledger_state for update;
  if s.epoch <> p_expected then return s.epoch; end if;      -- another caller did it
  changed := s.timeline <> current_timeline() or s.system_identifier <> current_system_identifier();
  if not p_lossy and changed is not true then return s.epoch; end if;
  only_reported := changed is not true and not me.everything;
  if not me.everything and p_above > s.epoch + 1000000 then  -- more recoveries than a ledger sees, far from the largest number
    raise exception 'epoch % is too far from %', p_above, s.epoch using errcode = 'invalid_parameter_value';
  end if;
  if only_reported and s.gap_due then return s.epoch; end if;
  next_epoch := greatest(s.epoch, p_above) + 1;
  update ledger_state set epoch = next_epoch, timeline = current_timeline(), system_identifier = current_system_identifier(),
         began_at_audit_id = coalesce((select max(l.id) from audit_log l), 0), covered_losses = 0, changed_at = clock();
  -- Under quorum a promoted standby has every acknowledged allocation. A restored one does not, and its caller passes
  -- p_lossy.
  if s.durability = 'quorum' and not p_lossy then
    perform fork_seals();
    return next_epoch;
  end if;

  p_approval := p_approval or only_reported;
  update ledger_state set mode = 'recovering', needs_approval = needs_approval or p_approval, gap_due = gap_due or only_reported,
         covered_losses = case when needs_approval or p_approval then null else s.replication_gap end, renewed_to = -1,
         why = case when p_approval then 'restored from a backup' else 'the database failed over or was restored' end;
  perform fork_seals();
  if not only_reported then perform set_gap_aside(next_epoch, p_actor); end if;
  -- The last tickets may be lost too. The chain of a cluster begins anew.
  update clusters set tickets = '{}' where tickets <> '{}';
  return next_epoch;
end $$;

-- Records that a cluster has reported all its addresses in use, through adopt.
create function rock_mac.mark_reported(p_cluster text, p_epoch bigint, p_actor text) returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare s ledger_state;
begin
  perform be_durable();
  perform require_reach(p_cluster);
  select * into s from ledger_state for update;              -- of two last clusters at once, the second sees the first
  if s.epoch <> p_epoch then return 'wrong_epoch'; end if;
  update clusters set reported_epoch = p_epoch, changed_by = p_actor where cluster_id = p_cluster and retired_at is null and reported_epoch < p_epoch;
  if not found and not exists (select 1 from clusters where cluster_id = p_cluster and retired_at is null) then return 'not_registered'; end if;
  return open_if_ready();
end $$;

-- An admin lets the ledger open without a silent cluster. That cluster needs a new initial sync before it may allocate.
create function rock_mac.recover_without(p_cluster text, p_actor text, p_reason text default '') returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
begin
  perform be_durable();
  perform 1 from ledger_state for update;
  update clusters set adopted_at = null, changed_by = p_actor where cluster_id = p_cluster;
  if not found then return 'not_registered'; end if;
  perform audit_cluster('recover-without', p_cluster, p_actor, p_reason);
  return open_if_ready();
end $$;

-- An admin approves a restored ledger: allocations after the backup are known by now, or lost.
create function rock_mac.approve_recovery(p_actor text default session_user, p_reason text default '') returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare s ledger_state;
begin
  perform be_durable();
  perform 1 from pools order by pool_id for update;          -- the lock order of a recovery
  select * into s from ledger_state for update;
  if s.gap_due then perform set_gap_aside(s.epoch, session_user::text); end if;
  update ledger_state set needs_approval = false, gap_due = false, changed_at = clock();
  if s.needs_approval then perform audit_note('recover-approve', null, 'Ledger', jsonb_build_object('epoch', s.epoch), p_actor, p_reason); end if;
  return open_if_ready();
end $$;

-- Whether nobody can have got the addresses that were set aside in a pool. Every cluster has compared its live objects with
-- the ledger after the reuse delay of the pool, and after the ten minutes in which an admission of before the failover must
-- have ended. Those that it found in use are adopted or observed. Devices report nothing, so a pool that any device has
-- used keeps them until an admin decides. A holder that cannot reach the ledger goes on answering from its stock, a part of which
-- the failover may have lost. So all of them wait until each holder has dropped what is known of its stock (drop_stock), or the
-- operator has proved that the holder is gone (return_stock).
create function rock_mac.is_gap_over(p rock_mac.pools) returns boolean
language plpgsql stable set search_path = rock_mac, pg_temp as $$
declare since timestamptz := (select max(a.changed_at) from addresses a where a.pool_id = p.pool_id and a.state = 'orphaned' and a.origin = 'replication-gap');
begin
  return expiry_held() is null and exists (select 1 from clusters c where c.retired_at is null)
    and not exists (select 1 from clusters c, ledger_state s where c.retired_at is null
                      and (c.adopted_at is null or c.reported_epoch < s.epoch
                           or (c.last_resync_at > since + greatest(p.reuse_delay, interval '10 minutes')) is not true))
    and not exists (select 1 from addresses a where a.addr between p.first and p.last and a.generation > 0 and a.cluster_id is null
                      and a.origin <> 'replication-gap')
    and not exists (select 1 from addresses a where a.pool_id = p.pool_id and a.state = 'orphaned' and a.origin = 'replication-gap'
                      and a.owner_uid is not null);
end $$;

-- Frees addresses that were set aside at a failover and that nobody uses: of pools where that is certain, or of one pool
-- if an admin decided so. Returns their number. What the holder of a stock has not dropped stays in any case, because it may
-- go on answering with it: return_stock() takes it from a holder that is gone.
create function rock_mac.free_gap(p_pool text, p_actor text, p_reason text default 'nobody used it after the failover') returns bigint
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare p pools; me reach := reach(); freed bigint := 0; n bigint;
begin
  if p_pool is not null and not me.everything then
    raise exception 'the login % may not free what was set aside', session_user using errcode = 'insufficient_privilege';
  end if;
  if not exists (select 1 from addresses a where a.state = 'orphaned' and a.origin = 'replication-gap') then return 0; end if;
  perform be_durable();
  for p in select * from pools q where p_pool is null or q.name = p_pool order by q.pool_id for no key update loop
    if not exists (select 1 from addresses a where a.pool_id = p.pool_id and a.state = 'orphaned' and a.origin = 'replication-gap') then continue; end if;
    if not_open() is not null or (p_pool is null and not is_gap_over(p)) then continue; end if;
    perform 1 from addresses a where a.pool_id = p.pool_id and a.state = 'orphaned' and a.origin = 'replication-gap' and a.owner_uid is null order by a.addr for update;
    update addresses a set state = 'released', released_at = unseen_release_time(p, interval '0'), changed_at = clock(), actor = p_actor,
           reason = p_reason
    where a.pool_id = p.pool_id and a.state = 'orphaned' and a.origin = 'replication-gap' and a.owner_uid is null and not a.blocked;
    get diagnostics n = row_count;
    freed := freed + n;
  end loop;
  return freed;
end $$;
