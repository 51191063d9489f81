-- Whether a cluster is the only one with its identity. The uid of kube-system is copied with etcd, and so is everything else
-- that a cluster stores. So its operator proves itself with a chain of tickets: it stores the pair (prev, next) in its
-- cluster, by compare-and-set, and then shows it here. A pair continues the chain if the last known ticket is one of the two.
-- Then prev was known, and next may not have been: the operator may have died in between, and shows the pair again.
--
-- A copy and a restored backup both show an old pair. If the chain continues meanwhile, there are two control planes, and a
-- person decides. If nobody continues it, the cluster went back in time: it does its initial sync again.

-- Shows a pair. `accepted`: the chain goes on. `copied`: it does, and another control plane has shown an old pair. `waiting`: an
-- old pair, and it is not known yet why. `shared`: the chain continued elsewhere. `restored`: nobody else continued it.
-- `not_evaluated`: the ledger itself may have lost the last tickets, and a recovery comes first.
create function rock_mac.show_ticket(p_cluster text, p_prev text, p_next text, p_actor text) returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare
  known constant int := 10;                                    -- tickets that webhooks may still show
  quiet constant interval := interval '5 minutes';             -- ten times the interval between two tickets
  s ledger_state; c clusters;
begin
  perform be_durable();
  select * into strict s from ledger_state;
  if s.timeline <> current_timeline() or s.system_identifier <> current_system_identifier() then return 'not_evaluated'; end if;
  if not exists (select from clusters where cluster_id = p_cluster and retired_at is null) then return 'not_registered'; end if;
  perform require_reach(p_cluster);
  select * into strict c from clusters where cluster_id = p_cluster for update;

  -- A ticket that an admin has decided against stays dead, also after a recovery that forgot the chain.
  if (c.shared_since is null or c.newcomer_ticket <> p_next)
     and (c.tickets = '{}' or c.tickets[1] = p_next or c.tickets[1] = p_prev) then
    update clusters set ticket_at = clock(), changed_by = p_actor,
           tickets = case when c.tickets[1] = p_next then c.tickets
                          when c.tickets[1] = p_prev then (array[p_next] || c.tickets)[1:known]
                          else array_remove(array[p_next, p_prev], null) end
    where cluster_id = p_cluster;
    return case when c.shared_since is null then 'accepted' else 'copied' end;
  end if;

  -- The webhooks of the newcomer show one of these two. The last two tickets are those of the webhooks that go on.
  update clusters set tickets = c.tickets[1:2] || array_remove(array_remove(c.tickets[3:], p_prev), p_next) where cluster_id = p_cluster;
  if c.newcomer_ticket is distinct from p_next then
    update clusters set newcomer_ticket = p_next, newcomer_prev = p_prev, newcomer_since = clock(), changed_by = p_actor where cluster_id = p_cluster;
    return 'waiting';
  end if;
  if c.shared_since is not null or c.ticket_at > c.newcomer_since then
    update clusters set shared_since = coalesce(c.shared_since, clock()), changed_by = p_actor where cluster_id = p_cluster;
    return 'shared';
  end if;
  if clock() < c.newcomer_since + quiet or expiry_held() is not null then return 'waiting'; end if;
  perform continue_with_newcomer(c, p_actor, 'restored from a backup');
  return 'restored';
end $$;

-- The chain of the newcomer is the one that goes on. What the ledger knows of the cluster is from after its backup.
create function rock_mac.continue_with_newcomer(c rock_mac.clusters, p_actor text, p_reason text) returns void
language plpgsql volatile set search_path = rock_mac, pg_temp as $$
begin
  update clusters set tickets = array_remove(array[c.newcomer_ticket, c.newcomer_prev], null), ticket_at = clock(), adopted_at = null,
         newcomer_ticket = null, newcomer_prev = null, newcomer_since = null, shared_since = null, changed_by = p_actor
  where cluster_id = c.cluster_id;
  perform audit_identity(c, 'newcomer', p_actor, p_reason);
end $$;

create function rock_mac.audit_identity(c rock_mac.clusters, p_continues text, p_actor text, p_reason text) returns void
language sql volatile set search_path = rock_mac, pg_temp
begin atomic
  insert into audit_log (action, pool, "user", details, cluster_id, actor, reason)
  values ('cluster-identity', '', p_actor, jsonb_build_object('continues', p_continues, 'since', c.newcomer_since), c.cluster_id, p_actor, p_reason);
end;

-- A person decides which of two control planes continues a cluster: the one that the ledger knows, or the newcomer. The other
-- one is gone, or gets an identity of its own. If it shows an old pair again, it is a newcomer again.
create function rock_mac.continue_cluster(p_cluster text, p_newcomer boolean, p_actor text, p_reason text default 'an admin decided') returns text
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set lock_timeout = '2s' as $$
declare c clusters;
begin
  perform be_durable();
  select * into c from clusters where cluster_id = p_cluster and retired_at is null for update;
  if not found then return 'not_registered'; end if;
  if c.newcomer_ticket is null then return 'not_shared'; end if;
  if p_newcomer then
    perform continue_with_newcomer(c, p_actor, p_reason);
    return 'newcomer';
  end if;
  update clusters set newcomer_ticket = null, newcomer_prev = null, newcomer_since = null, shared_since = null, changed_by = p_actor
  where cluster_id = p_cluster;
  perform audit_identity(c, 'known', p_actor, p_reason);
  return 'known';
end $$;
