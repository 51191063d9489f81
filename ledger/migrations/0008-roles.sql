-- A read-only role for auditors. Roles belong to the whole server: another ledger may have made it already, and a provider
-- may not allow it, which is no reason to fail.
do $$
begin
  create role rock_mac_auditor nologin;
exception
  when duplicate_object or unique_violation then null;
  when insufficient_privilege then raise notice 'role rock_mac_auditor was not made: this user may not create roles';
end $$;

-- Functions are taken from PUBLIC after every migration, by the program that runs it.
revoke all on schema rock_mac from public;

do $$
begin
  if exists (select 1 from pg_roles where rolname = 'rock_mac_auditor') then
    grant usage on schema rock_mac to rock_mac_auditor;
    grant select on all tables in schema rock_mac to rock_mac_auditor;
    alter default privileges in schema rock_mac grant select on tables to rock_mac_auditor;
    grant execute on function rock_mac.clock(), rock_mac.to_mac(bigint), rock_mac.to_addr(macaddr) to rock_mac_auditor;
  end if;
end $$;
