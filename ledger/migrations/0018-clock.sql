-- Whether the clock of the database can be believed. A jump would end leases, reuse delays and expiries too early, so
-- everything that time alone would free waits while it is not (expiry_held). Operators and webhooks report their clocks
-- every 30 seconds. The last write is no measure: an idle or stopped ledger would seem to jump.

-- Counts the votes of the clusters on whether the clock is right. Each cluster has one vote: the opinion of most of its
-- processes. So one caller with a wrong clock cannot decide where others report. The command line votes only if no
-- cluster reports. `differing`: the number of processes whose clock disagrees.
create function rock_mac.clock_votes(p_round bigint) returns table (votes bigint, differing bigint, skew interval)
language sql stable set search_path = rock_mac, pg_temp
begin atomic
  with counted as (
    select c.cluster_id, c.skew, c.skew not between interval '-10 minutes' and interval '10 minutes' as differs
    from caller_clocks c
    where c.round = p_round and (c.cluster_id <> '' or not exists (select from caller_clocks o where o.round = p_round and o.cluster_id <> ''))),
  clusters as (select sign(count(*) filter (where not n.differs) - count(*) filter (where n.differs))::bigint as vote from counted n group by n.cluster_id)
  select (select coalesce(sum(v.vote), 0)::bigint from clusters v), count(*) filter (where n.differs),
         percentile_disc(0.5) within group (order by n.skew)
  from counted n;
end;

-- Records the clock of a caller: a process of a cluster, or (null) the command line. Returns what holds expiry back then.
--
-- After a sudden change, the first reports may be the wrong ones: a caller on the machine of the database jumps with it.
-- So a new round begins, in which all callers that are known get a minute to report before anything is decided.
create function rock_mac.report_clock(p_cluster text, p_caller text, p_clock timestamptz) returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare
  most_callers constant int := 64;                             -- per cluster; a login must not fill the table
  near constant interval := interval '10 minutes';
  me reach := reach(); t clock_trust; v record; now timestamptz; group_id text := coalesce(p_cluster, '');
begin
  if p_cluster is null then
    if not me.everything and me.cluster is not null then
      raise exception 'the login % may not act for devices', session_user using errcode = 'insufficient_privilege';
    end if;
  elsif not exists (select from clusters c where c.cluster_id = p_cluster and c.retired_at is null) then
    return 'not_registered';
  else
    perform require_reach(p_cluster);
  end if;
  select * into strict t from clock_trust for update;
  now := clock();
  if now not between t.agreed_at - near and t.agreed_at + near
     and (t.agreed_at > '-infinity' or now not between t.round_began_at - near and t.round_began_at + near) then
    t.round := t.round + 1;
    t.round_began_at := now;
    t.agreed_at := '-infinity';
  end if;
  if exists (select from caller_clocks c where c.cluster_id = group_id and c.caller = p_caller)
     or most_callers > (select count(*) from caller_clocks c where c.cluster_id = group_id) then
    insert into caller_clocks as c (cluster_id, caller, skew, round, reported_at) values (group_id, p_caller, now - p_clock, t.round, now)
    on conflict (cluster_id, caller) do update set skew = excluded.skew, round = excluded.round, reported_at = excluded.reported_at;
  end if;
  delete from caller_clocks c where c.round = t.round and c.reported_at not between now - interval '5 minutes' and now + interval '5 minutes';
  if now >= t.round_began_at + interval '1 minute' or not exists (select from caller_clocks c where c.round < t.round and c.cluster_id <> '') then
    delete from caller_clocks c where c.round < t.round;
    select * into v from clock_votes(t.round);
    if v.votes > 0 then
      t.agreed_at := now;
    elsif v.votes < 0 and v.differing > 1 and t.held_since is null then
      t.held_since := now;
      t.held_skew := v.skew;
    end if;
  end if;
  update clock_trust set agreed_at = t.agreed_at, round = t.round, round_began_at = t.round_began_at, held_since = t.held_since, held_skew = t.held_skew;
  return coalesce(expiry_held(), 'trusted');
end $$;

-- A person has corrected the clock: expiry goes on. Only while most callers agree with it, or it would be held again.
create function rock_mac.trust_clock(p_actor text, p_reason text default 'the clock of the database is right again') returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare t clock_trust;
begin
  perform be_durable();
  select * into strict t from clock_trust for update;
  if t.held_since is null then return 'not_held'; end if;
  if (select v.votes from clock_votes(t.round) v) <= 0 or clock() not between t.agreed_at - interval '10 minutes' and t.agreed_at + interval '10 minutes' then
    return 'disagrees';
  end if;
  update clock_trust set held_since = null, held_skew = null;
  perform audit_note('trust-clock', null, 'Ledger', jsonb_build_object('since', t.held_since, 'seconds', extract(epoch from t.held_skew)), p_actor, p_reason);
  return 'trusted';
end $$;
