-- The audit is append-only and written by triggers, so no code path can skip its row (I7).

create table rock_mac.audit_log (
  id           bigint generated always as identity primary key,
  "timestamp"  timestamptz not null default rock_mac.clock(),
  action       text    not null,
  mac_address  macaddr,            -- null only in imported rows of the predecessor that name a device instead
  pool         text    not null,
  device_id    text,
  "user"       text    not null,   -- the requester of a new owner; else the actor
  details      jsonb   not null default '{}',
  generation   bigint,
  state_before text,
  state        text,
  holder_key   text    collate "C",
  cluster_id   text    collate "C",
  owner        text,               -- kind/namespace/name/nic, for people; details has the parts
  actor        text    not null,   -- the program or person that made the change
  reason       text    not null default '',
  login        text    not null default session_user   -- the database login; unlike the actor, it is not what a caller says
);
create index audit_log_mac       on rock_mac.audit_log (mac_address, id);
create index audit_log_timestamp on rock_mac.audit_log ("timestamp");   -- all rows of a statement share one time, so one index entry

-- Stable, not immutable, although they depend on nothing else: concat_ws is stable, and only then is the call inlined.
-- That is measurable for a group of 128.
create function rock_mac.new_owner_action(n rock_mac.addresses) returns text language sql stable
  return case when n.origin = 'replication-gap' then 'orphan' when n.origin <> 'allocate' then n.origin
              when n.state = 'reserved' then 'reserve' when n.state = 'stocked' then 'stock' else 'allocate' end;

create function rock_mac.owner_text(n rock_mac.addresses) returns text language sql stable
  return nullif(concat_ws('/', n.owner_kind, n.owner_namespace, n.owner_name, nullif(n.owner_nic, '')), '');

-- Everything that the columns of the log omit, so a replay in the order of `id` restores the table. `absent on null`
-- drops null fields in one step and keeps nulls inside metadata.
create function rock_mac.audit_details(n rock_mac.addresses) returns jsonb language sql stable
  return json_object(
    'requester': n.requester, 'kind': n.owner_kind, 'namespace': n.owner_namespace, 'name': n.owner_name, 'uid': n.owner_uid,
    'nic': n.owner_nic, 'deviceType': n.device_type, 'metadata': nullif(n.metadata, '{}'), 'kept': n.kept_since is not null or null,
    'consumer': n.consumer_key, 'consumerUid': n.consumer_uid, 'unreachableNode': n.unreachable_node absent on null returning jsonb);

-- Whether somebody described the device of an owner anew. Then the row also has what it was before.
create function rock_mac.is_set(o rock_mac.addresses, n rock_mac.addresses) returns boolean language sql stable
  return n.generation = o.generation and n.state = o.state and n.holder_key = o.holder_key
     and (n.device_type, n.metadata) is distinct from (o.device_type, o.metadata);

-- Writes one row per address whose state, generation, owner or consumer changed. A renewed lease or a missing mark is
-- not audited.
create function rock_mac.audit_insert() returns trigger language plpgsql set search_path = rock_mac, pg_temp as $$
begin
  insert into audit_log ("timestamp", action, mac_address, pool, device_id, "user", details, generation, state, holder_key, cluster_id,
                         owner, actor, reason)
  select m.t, new_owner_action(n), to_mac(n.addr), p.name, n.device_id, n.requester, audit_details(n), n.generation, n.state,
         n.holder_key, n.cluster_id, owner_text(n), n.actor, n.reason
  from (select clock() as t offset 0) m, new_rows n join pools p using (pool_id)
  where n.generation > 0                                   -- a row of generation 0 has no owner, so nothing changed
  order by n.addr;
  return null;
end $$;

create function rock_mac.audit_update() returns trigger language plpgsql set search_path = rock_mac, pg_temp as $$
begin
  -- `insert … on conflict` fires both triggers, mostly without rows for this one.
  if not exists (select from new_rows) then return null; end if;
  insert into audit_log ("timestamp", action, mac_address, pool, device_id, "user", details, generation, state_before, state, holder_key,
                         cluster_id, owner, actor, reason)
  select m.t,
         case when n.generation > o.generation then new_owner_action(n)
              when n.state = 'released' then 'release'
              when o.state = 'released' then 'restore'
              when n.state = 'orphaned' and o.state <> 'orphaned' then 'orphan'
              when o.owner_kind = 'Webhook' and n.owner_kind <> 'Webhook' then 'allocate'   -- from stock
              when o.state = 'pending' and n.state = 'active' then 'bind'
              when n.kept_since is distinct from o.kept_since then 'keep'
              when n.consumer_key is distinct from o.consumer_key then 'consume'
              when n.unreachable_node is distinct from o.unreachable_node and n.holder_key = o.holder_key then
                case when n.unreachable_node is null then 'reachable' else 'unreachable' end
              when is_set(o, n) then 'set'
              else 'change' end,
         to_mac(n.addr), p.name, n.device_id, case when n.generation > o.generation or (o.owner_kind = 'Webhook' and n.owner_kind <> 'Webhook') then n.requester else n.actor end,
         case when is_set(o, n) then audit_details(n) || json_object('before': json_object('deviceType': o.device_type, 'metadata': o.metadata absent on null) returning jsonb)
              else audit_details(n) end,
         n.generation, case when o.generation > 0 then o.state end, n.state, n.holder_key, n.cluster_id, owner_text(n), n.actor, n.reason
  from (select clock() as t offset 0) m, new_rows n join old_rows o using (addr) join pools p on p.pool_id = n.pool_id
  where (n.state, n.generation, n.holder_key, n.cluster_id, n.owner_kind, n.owner_namespace, n.owner_name, n.owner_uid, n.owner_nic,
         n.device_id, n.device_type, n.metadata, n.kept_since, n.consumer_key, n.unreachable_node)
        is distinct from
        (o.state, o.generation, o.holder_key, o.cluster_id, o.owner_kind, o.owner_namespace, o.owner_name, o.owner_uid, o.owner_nic,
         o.device_id, o.device_type, o.metadata, o.kept_since, o.consumer_key, o.unreachable_node)
  order by n.addr;
  return null;
end $$;

-- Writes a row about something that is no address: a pool, a prefix, a cluster or the ledger. `p_subject` names it for people.
create function rock_mac.audit_note(p_action text, p_pool text, p_subject text, p_details jsonb, p_actor text, p_reason text) returns void
language sql volatile set search_path = rock_mac, pg_temp
begin atomic
  insert into audit_log (action, pool, owner, "user", details, actor, reason)
  values (p_action, coalesce(p_pool, ''), p_subject, p_actor, jsonb_strip_nulls(coalesce(p_details, '{}')), p_actor, coalesce(p_reason, ''));
end;

create trigger addresses_audit_insert after insert on rock_mac.addresses referencing new table as new_rows
  for each statement execute function rock_mac.audit_insert();
create trigger addresses_audit_update after update on rock_mac.addresses referencing old table as old_rows new table as new_rows
  for each statement execute function rock_mac.audit_update();

create function rock_mac.refuse() returns trigger language plpgsql set search_path = rock_mac, pg_temp as $$
begin
  raise exception '% on % is never allowed', tg_op, tg_table_name using errcode = 'insufficient_privilege';
end $$;
-- A row of generation 0 never had an owner, so it has no history.
create trigger addresses_no_delete before delete on rock_mac.addresses for each row when (old.generation > 0) execute function rock_mac.refuse();
create trigger addresses_no_truncate before truncate on rock_mac.addresses for each statement execute function rock_mac.refuse();
create trigger audit_append_only before update or delete or truncate on rock_mac.audit_log for each statement execute function rock_mac.refuse();
