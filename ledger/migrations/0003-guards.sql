-- What all functions that change addresses share: the guards that they pass, their items and their lock.
--
-- They keep their plans for small and large ledgers alike. `= any (addrs)` beside a join bounds what an index reads,
-- whatever the join order is. A plain join, planned while the table was small, reads the whole table at every call once
-- it is large. Without nested loops a group is joined by a hash: Postgres does not know its size, and a loop compares
-- every item with every row. Generic plans: a group of one would be planned anew at every call (release: 320 µs, not 90).

-- An acknowledged change must be on disk, and on a standby if one is configured, whatever the role's settings are (I2).
create function rock_mac.be_durable() returns void language plpgsql volatile as $$
begin
  if current_setting('synchronous_commit') in ('off', 'local', 'remote_write') then
    perform set_config('synchronous_commit', 'on', true);
  end if;
end $$;

-- Returns null if the ledger is open, else the reason. Every function that gives an address to a new owner calls it
-- after the pool lock. So no allocation runs beside a recovery, which takes all pool locks before it changes the state.
create function rock_mac.not_open() returns text language plpgsql volatile security definer set search_path = rock_mac, pg_temp as $$
declare s ledger_state;
begin
  select * into strict s from ledger_state;                -- a missing row means unknown: raise an error, do not assume open
  if s.timeline <> current_timeline() then return 'timeline_changed'; end if;
  if s.system_identifier <> current_system_identifier() then return 'system_changed'; end if;   -- null on either side: unknown
  if s.mode <> 'open' then return s.mode; end if;
  if s.durability = 'quorum' and current_setting('synchronous_standby_names') = '' then return 'not_durable'; end if;
  perform be_durable();
  return null;
end $$;

-- Returns null if time may end something, else the reason: then nothing expires, and no reuse delay passes. The clock is
-- believed only near the last time when most callers agreed with it. So a jump is noticed at once, before any report.
create function rock_mac.expiry_held() returns text language sql volatile set search_path = rock_mac, pg_temp
begin atomic
  select case when t.held_since is not null then 'clock_jumped'
              when clock() not between t.agreed_at - interval '10 minutes' and t.agreed_at + interval '10 minutes' then 'clock_unknown' end
  from clock_trust t
  union all
  select 'clock_unknown' where not exists (select from clock_trust);
end;

-- One item of a call: a request for an address, or a change of one. Each function reads the fields that it needs. Older
-- programs omit fields that they do not know.
create type rock_mac.item as (
  ord int, addr bigint, generation bigint, key text collate "C",    -- `key`: the holder key
  state text, cluster text collate "C", kind text, namespace text collate "C", name text, uid text, nic text, device text, type text,
  metadata jsonb, ttl bigint, requester text, actor text, reason text,
  bound_key text collate "C",                                       -- bind: the holder key afterwards
  consumer text collate "C", expected text collate "C",             -- consumers: its key, and the one that the caller saw
  namespace_since timestamptz,                                      -- when the namespace was created
  max_addresses int,                                                -- of the namespace, over all pools; null: no limit
  override_delay boolean,                                           -- allocate: take a released address before its reuse delay is over
  prefer_last boolean,                                              -- allocate: the last address of this interface rather than the next one
  ticket text collate "C",                                          -- of the caller's cluster, as its webhook read it; null: not checked
  limited boolean,                                                  -- observe: counts toward the limits
  unused_limit int,                                                 -- a new sticky address: of unused ones in its namespace; null: no limit
  end_unseen boolean,                                               -- release: nobody saw the end of the pod, which may still run
  missing_since timestamptz,                                        -- release_unused: since when the caller saw it unused
  in_use boolean,                                                   -- leave_address: the caller saw the receiver with the address
  migrates boolean,                                                 -- observe: it is an instance that names a migration
  running boolean, segment text collate "C",                        -- observe: the object runs; where its network lies
  default_type text);                                               -- import: the type of a device that the ledger does not know yet

-- What a caller may change: everything, or the addresses of one cluster, or those of devices (null).
create type rock_mac.reach as (everything boolean, cluster text collate "C");

-- Every function that a program calls runs with the rights of the owner, who is then the current user. The caller is
-- the session user, which nobody but a superuser can change. A login of no cluster reaches '', which is no cluster.
create function rock_mac.reach() returns rock_mac.reach language plpgsql stable as $$
declare me rock_mac.reach;
begin
  me.everything := pg_has_role(session_user, current_user, 'member')
    or coalesce(pg_has_role(session_user, to_regrole('rock_mac_admin'), 'member'), false);   -- null: there is no such role
  if not me.everything and pg_has_role(session_user, to_regrole('rock_mac_device'), 'member') is not true then
    me.cluster := coalesce((select l.cluster_id from rock_mac.cluster_logins l where l.login = session_user), '');
  end if;
  return me;
end $$;

-- Refuses a call that names another cluster than the caller's.
create function rock_mac.require_reach(p_cluster text) returns void language plpgsql stable as $$
declare me rock_mac.reach := rock_mac.reach();
begin
  if me.everything or p_cluster = me.cluster then return; end if;
  raise exception 'the login % may not act for this cluster', session_user using errcode = 'insufficient_privilege';
end $$;

-- Locks the rows that the caller may change, in address order, and returns their addresses. Two calls that locked the
-- same rows in different orders would dead-lock. No other call changes the rows until the commit, so the outcomes that a
-- function reads afterwards are its own. To a function, rows of other clusters do not exist. Each function compares
-- address, generation and holder key: generations alone can repeat in two histories after a failover.
create function rock_mac.lock_addresses(addrs bigint[]) returns bigint[] language plpgsql volatile
set enable_seqscan = off set plan_cache_mode = force_generic_plan as $$
declare me rock_mac.reach := rock_mac.reach();
begin
  perform rock_mac.be_durable();
  return array(select a.addr from rock_mac.addresses a where a.addr = any (addrs) and (me.everything or a.cluster_id is not distinct from me.cluster)
               order by a.addr for update);
end $$;

-- The current owner, for a refused caller. The program decides who may see it.
create function rock_mac.holder_of(a rock_mac.addresses) returns jsonb language sql stable set search_path = rock_mac, pg_temp
  return jsonb_strip_nulls(jsonb_build_object('clusterId', a.cluster_id, 'kind', a.owner_kind, 'namespace', a.owner_namespace,
    'name', a.owner_name, 'uid', a.owner_uid, 'nic', a.owner_nic, 'deviceId', a.device_id, 'deviceType', a.device_type));

