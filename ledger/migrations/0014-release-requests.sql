-- The user who requested the deletion of a claim. The webhook knows the name at the request, the operator releases
-- later. Best effort is enough: without a row, the audit only lacks the name.

create table rock_mac.release_requests (
  holder_key text collate "C" primary key check (octet_length(holder_key) between 1 and 600),   -- of the claim
  username   text not null check (octet_length(username) <= 1024),
  requested_at   timestamptz not null default rock_mac.clock()
);
create index release_requests_requested_at on rock_mac.release_requests (requested_at);

-- The last request counts: the deletion may have been refused after our webhook, and the next one may come from another
-- user. Only for a claim that the caller reaches: a name would otherwise appear in the audit of another cluster.
create function rock_mac.request_release(p_key text, p_username text) returns void
language plpgsql volatile security definer set search_path = rock_mac, pg_temp as $$
declare me reach := reach();
begin
  if not me.everything and not exists (
    select from addresses a where a.holder_key = p_key and a.state <> 'released' and a.cluster_id = me.cluster) then return; end if;
  delete from release_requests where requested_at < clock() - interval '30 days';   -- of deletions that never completed
  insert into release_requests as r (holder_key, username) values (p_key, p_username)
  on conflict (holder_key) do update set username = excluded.username, requested_at = clock();
end $$;

-- Runs before the row is written, because the audit trigger, which runs after it, reads the reason. Only for releases
-- of claims, also of sticky ones. Expiry has no requester, and programs compare its reason.
create function rock_mac.name_release() returns trigger language plpgsql set search_path = rock_mac, pg_temp as $$
declare requester text;
begin
  delete from release_requests r where r.holder_key = old.holder_key returning r.username into requester;
  -- The column is limited, and a release must not fail for a name.
  if octet_length(new.reason) + octet_length(requester) < 2280 then new.reason := new.reason || ', requested by ' || requester; end if;
  return new;
end $$;
create trigger addresses_name_release before update on rock_mac.addresses for each row
  when (new.state = 'released' and old.state <> 'released' and new.reason <> 'expired'
        and (old.owner_kind = 'MacAllocation' or rock_mac.is_sticky(old.holder_key)))
  execute function rock_mac.name_release();

