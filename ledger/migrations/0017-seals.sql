-- Seals make it visible that somebody changed the audit, also the owner, who can disable its trigger. A seal lists rows of
-- the audit with a hash of each, and its own hash covers these and the seal before it. Who rewrites all seals is found by
-- the copies of their hashes outside the database (anchors).
--
-- Seals are written after the fact, every ten seconds. A chain in the transaction of each change would make all changes
-- wait for each other's commit. Nothing is written for a row when it is inserted, so a change costs the same as without.

create table rock_mac.audit_seals (
  seq            bigint      primary key check (seq > 0),
  epoch          bigint      not null,
  is_fork        boolean     not null,           -- the first of its epoch: seals of earlier epochs from this number on were lost
  covered_losses bigint,                         -- of a fork: how many audit rows its recovery covers; null: an admin decides
  ids            bigint[]    not null,           -- of the rows that it seals, ascending
  row_hashes     bytea[]     not null,           -- of the same rows
  reached        bigint      not null,           -- every row up to this id that was committed by then is in a seal
  horizon        xid8,                           -- all transactions below it had ended
  next_xid       xid8,                           -- no transaction from it on had begun to write; null: not known
  settled        bigint      not null,           -- every row up to this id is in a seal: none can be committed any more
  sealed_at      timestamptz not null,
  hash           bytea       not null
);
create index audit_seals_reached on rock_mac.audit_seals (reached);
create index audit_seals_forks on rock_mac.audit_seals (epoch, seq) where is_fork;
create trigger seals_append_only before update or delete or truncate on rock_mac.audit_seals for each statement execute function rock_mac.refuse();

-- Names every column, so that a later one does not change the hashes. Depends on no setting of the session.
create function rock_mac.audit_row_hash(l rock_mac.audit_log) returns bytea language sql stable
  return sha256(convert_to(json_build_array(l.id, extract(epoch from l."timestamp"), l.action, l.mac_address, l.pool, l.device_id, l."user", l.details,
    l.generation, l.state_before, l.state, l.holder_key, l.cluster_id, l.owner, l.actor, l.reason, l.login)::text, 'UTF8'));

create function rock_mac.seal_hash(previous bytea, s rock_mac.audit_seals) returns bytea language sql stable
  return sha256(previous || convert_to(json_build_array(s.seq, s.epoch, s.is_fork, s.covered_losses, s.ids, s.reached, s.horizon::text, s.next_xid::text,
    s.settled, extract(epoch from s.sealed_at))::text, 'UTF8')
    || coalesce((select string_agg(r.hash, ''::bytea order by r.n) from unnest(s.row_hashes) with ordinality r(hash, n)), ''));

-- What each row of the audit adds to the counts of its pool and hour. Rows that were imported as history have no state. An address that
-- is set aside for a webhook is held, and is handed out when a pod gets it.
create view rock_mac.audit_changes as
select l.id, l.pool, date_trunc('hour', l."timestamp", 'UTC') as hour,
       (l.action in ('allocate', 'reserve', 'adopt', 'import', 'transfer') and l.state <> 'released')::int as handed_out,
       (l.action = 'release' and l.details->>'kind' is distinct from 'Webhook')::int as released,
       (l.state <> 'released')::int - (coalesce(l.state_before, 'released') <> 'released')::int as held_change
from rock_mac.audit_log l where l.state is not null;

-- The sums of these by pool and hour, so that a month of a pool is some hundred rows. Every sealed row of the audit counts exactly once.
create table rock_mac.audit_hours (
  pool        text   collate "C" not null,
  hour        timestamptz not null,              -- its beginning, in UTC
  handed_out  bigint not null,                   -- addresses that got a new owner
  released    bigint not null,
  held_change bigint not null,                   -- addresses that are held at its end and were not at its beginning, less the others
  primary key (pool, hour)
);

-- Counts rows of the audit. Each may be counted only once: with its seal, or when a backup with its seal is restored.
create function rock_mac.count_hours(p_ids bigint[]) returns void language sql volatile set search_path = rock_mac, pg_temp
begin atomic
  insert into audit_hours as h (pool, hour, handed_out, released, held_change)
  select c.pool, c.hour, sum(c.handed_out), sum(c.released), sum(c.held_change)
  from unnest(p_ids) i(id) join audit_changes c on c.id = i.id group by c.pool, c.hour
  on conflict (pool, hour) do update
  set handed_out = h.handed_out + excluded.handed_out, released = h.released + excluded.released, held_change = h.held_change + excluded.held_change;
end;

-- Appends a seal to the last one. The caller holds the lock of the table: two seals at once would seal the same rows.
create function rock_mac.append_seal(s rock_mac.audit_seals) returns void language plpgsql volatile set search_path = rock_mac, pg_temp as $$
declare last audit_seals;
begin
  select * into last from audit_seals a order by a.seq desc limit 1;
  s.seq := coalesce(last.seq, 0) + 1;
  s.settled := greatest(coalesce(s.settled, 0), coalesce(last.settled, 0));
  s.sealed_at := clock();
  s.hash := seal_hash(coalesce(last.hash, ''), s);
  insert into audit_seals select s.*;
end $$;

-- Seals up to 1,000 committed rows that are in no seal, and returns their number. Any caller may repeat it.
--
-- Ids are given before commit, so a row may become visible below sealed ones. `settled` says from where to look. A row up
-- to `reached` was numbered before its seal read the audit, and its transaction had an id even before that: it is below the
-- seal's own, `next_xid`. Once all transactions below `next_xid` have ended, no row up to `reached` can follow.
create function rock_mac.seal() returns int language plpgsql volatile security definer
set search_path = rock_mac, pg_temp set lock_timeout = '2s' set plan_cache_mode = force_custom_plan as $$
declare
  most constant int := 1000;                                 -- a seal stays small enough to read at once
  state ledger_state; s audit_seals; floor bigint; sealed bigint[]; highest bigint;
  writes_already boolean := pg_current_xact_id_if_assigned() is not null;
begin
  perform be_durable();
  lock table audit_seals in share row exclusive mode;        -- of two callers, the second sees the seal of the first
  select * into strict state from ledger_state;
  -- The recovery of a failover writes its fork first.
  if state.timeline <> current_timeline() or state.system_identifier <> current_system_identifier() then return 0; end if;
  floor := coalesce((select a.settled from audit_seals a order by a.seq desc limit 1), 0);
  sealed := array(select i.id from audit_seals a, unnest(a.ids) i(id) where a.reached > floor and i.id > floor);
  select array_agg(l.id order by l.id), array_agg(l.hash order by l.id), pg_snapshot_xmin(pg_current_snapshot()),
         (select max(m.id) from audit_log m)
  into s.ids, s.row_hashes, s.horizon, highest
  from (select r.id, audit_row_hash(r) as hash from audit_log r where r.id > floor and r.id <> all (sealed) order by r.id limit most) l;
  if s.ids is null then return 0; end if;
  s.epoch := state.epoch;
  s.is_fork := false;
  s.reached := case when cardinality(s.ids) = most then s.ids[most] else highest end;
  if not writes_already then s.next_xid := pg_current_xact_id(); end if;
  s.settled := (select max(a.reached) from audit_seals a
                where a.reached > floor and a.reached <= s.reached and a.epoch = s.epoch and a.next_xid <= s.horizon);
  perform append_seal(s);
  perform count_hours(s.ids);
  return cardinality(s.ids);
end $$;

-- Marks that a recovery began a new epoch after the last seal that the database still has. It seals no rows, because it
-- runs while nothing is handed out.
create function rock_mac.fork_seals() returns void language plpgsql volatile set search_path = rock_mac, pg_temp as $$
declare state ledger_state; s audit_seals;
begin
  lock table audit_seals in share row exclusive mode;
  select * into strict state from ledger_state;
  s.epoch := state.epoch;
  s.is_fork := true;
  s.covered_losses := state.covered_losses;
  s.ids := '{}';
  s.row_hashes := '{}';
  s.reached := state.began_at_audit_id;
  perform append_seal(s);
end $$;
