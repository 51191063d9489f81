-- A read-only role for auditors. Roles belong to the whole server, so another ledger may have created it. A provider
-- may not allow it, which is not an error.
do $$
begin
  create role rock_mac_auditor nologin;
exception
  when duplicate_object or unique_violation then null;
  when insufficient_privilege then raise notice 'role rock_mac_auditor was not made: this user may not create roles';
end $$;

-- The migration program revokes functions from PUBLIC after every migration.
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
