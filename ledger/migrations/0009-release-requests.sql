-- Who asked for the deletion of a claim. The webhook knows it when the deletion is asked for, the operator releases later,
-- and best effort is enough: a row that is missing only leaves the name out of the audit.

create table rock_mac.release_requests (
  holder_key text collate "C" primary key check (octet_length(holder_key) between 1 and 600),   -- of the claim
  username   text not null check (octet_length(username) <= 1024),
  asked_at   timestamptz not null default rock_mac.clock()
);
create index release_requests_asked_at on rock_mac.release_requests (asked_at);

-- Asked again, the last one counts: a deletion that was refused after us may come from somebody else next time.
create function rock_mac.ask_for_release(p_key text, p_username text) returns void
language sql volatile set search_path = rock_mac, pg_temp
begin atomic
  delete from release_requests where asked_at < clock() - interval '30 days';   -- of deletions that never came to an end
  insert into release_requests as r (holder_key, username) values (p_key, p_username)
  on conflict (holder_key) do update set username = excluded.username, asked_at = clock();
end;

-- Before the row is written, so that the audit, which is written after it, has the name. Only releases of claims come
-- here, and no expiry: nobody asked for that, and its reason is compared by programs.
create function rock_mac.name_release() returns trigger language plpgsql set search_path = rock_mac, pg_temp as $$
declare asker text;
begin
  delete from release_requests r where r.holder_key = old.holder_key returning r.username into asker;
  -- A reason has room for 1,024 octets, and no name is worth a release that fails.
  if octet_length(new.reason) + octet_length(asker) < 1000 then new.reason := new.reason || ', asked for by ' || asker; end if;
  return new;
end $$;
create trigger addresses_name_release before update on rock_mac.addresses for each row
  when (new.state = 'released' and old.state <> 'released' and old.owner_kind = 'MacAllocation' and new.reason <> 'expired')
  execute function rock_mac.name_release();

revoke all on function rock_mac.ask_for_release(text, text), rock_mac.name_release() from public;
