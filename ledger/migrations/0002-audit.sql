-- The audit: append-only, written by triggers, so that no path into the ledger can forget its row (I7).

create table rock_mac.audit_log (
  id           bigint generated always as identity primary key,
  "timestamp"  timestamptz not null default rock_mac.clock(),
  action       text    not null,
  mac_address  macaddr,            -- null only in imported rows of the old tool that name a device instead
  pool         text    not null,
  device_id    text,
  "user"       text    not null,   -- on whose behalf: the requester of a new owner, else the actor
  details      jsonb   not null default '{}',
  generation   bigint,
  state_before text,
  state        text,
  holder_key   text    collate "C",
  cluster_id   text    collate "C",
  owner        text,               -- kind/namespace/name/nic, for people; the parts are in details
  actor        text    not null,   -- which program or person did it
  reason       text    not null default ''
);
create index audit_log_mac       on rock_mac.audit_log (mac_address, id);
create index audit_log_timestamp on rock_mac.audit_log ("timestamp");   -- one entry for all rows of a statement: they share the moment

-- Stable and not immutable, though they depend on nothing else: only then is the expression put in place of the call
-- (concat_ws is stable), which a group of 128 feels.
create function rock_mac.new_owner_action(n rock_mac.addresses) returns text language sql stable
  return case when n.origin = 'replication-gap' then 'orphan' when n.origin <> 'allocate' then n.origin
              when n.state = 'reserved' then 'reserve' else 'allocate' end;

create function rock_mac.owner_text(n rock_mac.addresses) returns text language sql stable
  return nullif(concat_ws('/', n.owner_kind, n.owner_namespace, n.owner_name, nullif(n.owner_nic, '')), '');

-- What the columns of the log do not hold, so that the log replayed in the order of `id` gives the table again.
-- `absent on null` leaves out what is null in one resync, and leaves the nulls inside metadata alone.
create function rock_mac.audit_details(n rock_mac.addresses) returns jsonb language sql stable
  return json_object(
    'requester': n.requester, 'kind': n.owner_kind, 'namespace': n.owner_namespace, 'name': n.owner_name, 'uid': n.owner_uid,
    'nic': n.owner_nic, 'deviceType': n.device_type, 'metadata': nullif(n.metadata, '{}'), 'kept': n.kept_since is not null or null,
    'consumer': n.consumer_key, 'consumerUid': n.consumer_uid absent on null returning jsonb);

-- One row per address whose state, generation, owner or consumer changed; a renewed lease or a mark of absence is none.
create function rock_mac.audit_insert() returns trigger language plpgsql set search_path = rock_mac, pg_temp as $$
begin
  insert into audit_log ("timestamp", action, mac_address, pool, device_id, "user", details, generation, state, holder_key, cluster_id,
                         owner, actor, reason)
  select m.t, new_owner_action(n), to_mac(n.addr), p.name, n.device_id, n.requester, audit_details(n), n.generation, n.state,
         n.holder_key, n.cluster_id, owner_text(n), n.actor, n.reason
  from (select clock() as t offset 0) m, new_rows n join pools p using (pool_id) order by n.addr;
  return null;
end $$;

create function rock_mac.audit_update() returns trigger language plpgsql set search_path = rock_mac, pg_temp as $$
begin
  -- An insert that may update (`on conflict`) fires both triggers, mostly with nothing for this one.
  if not exists (select from new_rows) then return null; end if;
  insert into audit_log ("timestamp", action, mac_address, pool, device_id, "user", details, generation, state_before, state, holder_key,
                         cluster_id, owner, actor, reason)
  select m.t,
         case when n.generation > o.generation then new_owner_action(n)
              when n.state = 'released' then 'release'
              when o.state = 'released' then 'restore'
              when n.state = 'orphaned' and o.state <> 'orphaned' then 'orphan'
              when o.state = 'pending' and n.state = 'active' then 'bind'
              when n.kept_since is distinct from o.kept_since then 'keep'
              when n.consumer_key is distinct from o.consumer_key then 'consume'
              else 'change' end,
         to_mac(n.addr), p.name, n.device_id, case when n.generation > o.generation then n.requester else n.actor end,
         audit_details(n), n.generation, o.state, n.state, n.holder_key, n.cluster_id, owner_text(n), n.actor, n.reason
  from (select clock() as t offset 0) m, new_rows n join old_rows o using (addr) join pools p on p.pool_id = n.pool_id
  where (n.state, n.generation, n.holder_key, n.cluster_id, n.owner_kind, n.owner_namespace, n.owner_name, n.owner_uid, n.owner_nic,
         n.device_id, n.device_type, n.metadata, n.kept_since, n.consumer_key)
        is distinct from
        (o.state, o.generation, o.holder_key, o.cluster_id, o.owner_kind, o.owner_namespace, o.owner_name, o.owner_uid, o.owner_nic,
         o.device_id, o.device_type, o.metadata, o.kept_since, o.consumer_key)
  order by n.addr;
  return null;
end $$;

create trigger addresses_audit_insert after insert on rock_mac.addresses referencing new table as new_rows
  for each statement execute function rock_mac.audit_insert();
create trigger addresses_audit_update after update on rock_mac.addresses referencing old table as old_rows new table as new_rows
  for each statement execute function rock_mac.audit_update();

create function rock_mac.refuse() returns trigger language plpgsql as $$
begin
  raise exception '% on % is never allowed', tg_op, tg_table_name using errcode = 'insufficient_privilege';
end $$;
create trigger addresses_no_delete before delete or truncate on rock_mac.addresses for each statement execute function rock_mac.refuse();
create trigger audit_append_only before update or delete or truncate on rock_mac.audit_log for each statement execute function rock_mac.refuse();
