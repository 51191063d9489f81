-- After a failover or a restore the ledger may lack its last acknowledged allocations. It detects this by its timeline
-- and system identifier. It hands out nothing until it has covered them, and always opens again.

-- Opens a recovering ledger when it waits for nothing any more.
create function rock_mac.open_if_ready() returns text language plpgsql volatile set search_path = rock_mac, pg_temp as $$
begin
  update ledger_state s set mode = 'open', why = '', changed_at = clock()
  where s.mode = 'recovering' and not s.needs_approval and not exists (
    select 1 from clusters c where c.adopted_at is not null and c.retired_at is null and c.reported_epoch < s.epoch);
  return (select s.mode from ledger_state s);
end $$;

-- Starts a new epoch. `p_expected` is the epoch that the caller saw; of many callers, one starts the recovery.
-- `p_lossy`: acknowledged allocations may be missing whatever the durability is (a restored backup). `p_approval`: it
-- opens only after an admin approves, because more may be missing than the replication gap. `p_above`: the highest
-- epoch that anyone has stored. A backup may be older than the last recoveries, and an epoch must never repeat.
--
-- Allocation has a fixed order, so lost allocations can only be the next addresses in that order: first from the
-- cursor, then from the head of the queue. Those are set aside until a cluster reports them in use, or a person
-- releases them by force.
create function rock_mac.recover(p_expected bigint, p_lossy boolean, p_approval boolean, p_above bigint, p_actor text) returns bigint
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '5s' as $$
declare s ledger_state; p pools; got bigint[]; cur bigint; n int; key text; next_epoch bigint;
begin
  perform be_durable();
  perform 1 from pools order by pool_id for update;         -- no allocation is running after this line
  select * into s from ledger_state for update;
  if s.epoch <> p_expected then return s.epoch; end if;      -- another caller did it
  if not p_lossy and s.timeline = current_timeline() and (s.system_identifier = current_system_identifier()) is not false then
    return s.epoch;                                    -- the database has not changed
  end if;
  next_epoch := greatest(s.epoch, p_above) + 1;
  update ledger_state set epoch = next_epoch, timeline = current_timeline(), system_identifier = current_system_identifier(),
         began_at_audit_id = coalesce((select max(l.id) from audit_log l), 0), covered_losses = 0, changed_at = clock();
  -- Under quorum a promoted standby has every acknowledged allocation. A restored one does not, and its caller passes
  -- p_lossy.
  if s.durability = 'quorum' and not p_lossy then return next_epoch; end if;

  update ledger_state set mode = 'recovering', needs_approval = needs_approval or p_approval,
         covered_losses = case when needs_approval or p_approval then null else s.replication_gap end,
         why = case when p_approval then 'restored from a backup' else 'the database failed over or was restored' end;
  key := 'replication-gap/' || next_epoch || '/';
  for p in select * from pools order by pool_id loop
    got := '{}'; cur := p.next_addr;
    while cardinality(got) < s.replication_gap and cur <= p.last loop     -- skips any number of used addresses
      got := got || array(select g.g from (select generate_series(cur, least(p.last, cur + 16383)) g offset 0) g
                          where not exists (select 1 from addresses a where a.addr = g.g and a.addr between cur and cur + 16383)
                          order by g.g limit s.replication_gap - cardinality(got));
      cur := cur + 16384;
    end loop;
    n := cardinality(got);
    insert into addresses (addr, pool_id, state, origin, holder_key, allocated_at, changed_at, requester, actor, reason)
    select g, p.pool_id, 'orphaned', 'replication-gap', key || g, clock(), clock(), p_actor, p_actor, 'may have been handed out before the failover'
    from unnest(got) g order by g;
    if n > 0 then update pools set next_addr = got[n] + 1 where pool_id = p.pool_id; end if;
    if n < s.replication_gap then
      -- Only those that were reusable by then. The margin covers a clock behind the old primary's.
      update addresses a set state = 'orphaned', origin = 'replication-gap', released_at = null, generation = a.generation + 1, holder_key = key || a.addr,
             cluster_id = null, owner_kind = null, owner_namespace = null, owner_name = null, owner_uid = null, owner_nic = null,
             device_id = null, device_type = null, metadata = '{}', allocated_at = clock(), changed_at = clock(),
             requester = p_actor, actor = p_actor, reason = 'may have been handed out before the failover'
      where a.state = 'released'                             -- checked again: its object may be bound concurrently
        and a.addr in (select b.addr from addresses b where b.pool_id = p.pool_id and b.state = 'released'
                         and b.released_at <= clock() - p.reuse_delay + interval '5 minutes'
                       order by b.released_at, b.addr limit s.replication_gap - n);
    end if;
  end loop;
  -- A renewal may be lost too: a device must not expire because of that.
  update addresses a set expires_at = clock() + coalesce(p2.auto_release, a.expires_at - a.allocated_at)
  from pools p2
  where p2.pool_id = a.pool_id and a.cluster_id is null and a.state = 'active'
    and a.expires_at < clock() + coalesce(p2.auto_release, a.expires_at - a.allocated_at);
  update addresses a set missing_since = null where a.missing_since is not null;
  perform open_if_ready();
  return next_epoch;
end $$;

-- Records that a cluster has reported all its addresses in use, through adopt.
create function rock_mac.mark_reported(p_cluster text, p_epoch bigint, p_actor text) returns text
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare s ledger_state;
begin
  perform be_durable();
  select * into s from ledger_state for update;              -- of two last clusters at once, the second sees the first
  if s.epoch <> p_epoch then return 'wrong_epoch'; end if;
  update clusters set reported_epoch = p_epoch, changed_by = p_actor where cluster_id = p_cluster and retired_at is null and reported_epoch < p_epoch;
  if not found and not exists (select 1 from clusters where cluster_id = p_cluster and retired_at is null) then return 'not_registered'; end if;
  return open_if_ready();
end $$;

-- An admin lets the ledger open without a silent cluster. That cluster needs a new initial sync before it may allocate.
create function rock_mac.recover_without(p_cluster text, p_actor text) returns text
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
begin
  perform be_durable();
  perform 1 from ledger_state for update;
  update clusters set adopted_at = null, changed_by = p_actor where cluster_id = p_cluster;
  if not found then return 'not_registered'; end if;
  return open_if_ready();
end $$;

-- An admin approves a restored ledger: allocations after the backup are known by now, or lost.
create function rock_mac.approve_recovery() returns text
language plpgsql volatile set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
begin
  perform be_durable();
  update ledger_state set needs_approval = false, changed_at = clock();
  return open_if_ready();
end $$;
