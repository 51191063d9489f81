-- Roles belong to the whole server, so another ledger may have created them, or its administrator. The owner may not be
-- allowed to create them, which is not an error. The migration program revokes functions from PUBLIC after every
-- migration, and calls grant_roles() at the end: new objects get their rights, and so do roles that were created later.
revoke all on schema rock_mac from public;

create function rock_mac.grant_roles() returns void language plpgsql volatile set search_path = rock_mac, pg_temp as $$
declare
  role text;
  -- What programs read: the read API and `rock-mac show` report every address and its history, in any cluster.
  reads constant text := 'clock, to_mac, to_addr, is_sticky, metadata_terms, not_open, expiry_held, cursor_of, address_at, is_set_aside, audit_row_hash, seal_hash';
  -- Of the operator and the webhook of a cluster.
  app constant text := 'allocate, bind, transfer, offer_address, leave_address, receive_address, release, roll_back, release_expired, keep_reserved, take_consumer, take_unused_claims, drop_consumer, renew, set_metadata, mark_missing, '
    'adopt, define_pool, limit_pool, grow_pool, pause_pool, set_pool_strategy, remove_pool, register_cluster, mark_adopted, mark_reported, recover, renew_in_recovery, set_stock_aside, free_gap, request_release, observe, limit_observations, end_observations, fill_stock, check_stock, drop_stock, assign_stock, return_stock, mark_unused, release_unused, mark_unreachable, clear_unreachable, seal, report_clock, show_ticket';
  -- Of people and scripts that request addresses for devices outside clusters.
  device constant text := 'allocate, transfer, import_addresses, release, release_expired_devices, renew, set_metadata, report_clock';
  admin constant text := 'import_addresses, add_prefix, remove_prefix, release_expired_devices, retire_cluster, bind_login, recover_without, approve_recovery, trust_clock, continue_cluster';
begin
  foreach role in array array['rock_mac_app', 'rock_mac_device', 'rock_mac_admin', 'rock_mac_auditor'] loop
    if to_regrole(role) is null then
      begin
        execute format('create role %I nologin', role);
      exception
        when duplicate_object or unique_violation then null;
        when insufficient_privilege then continue;
      end;
    end if;
    execute format('grant usage on schema rock_mac to %I', role);
    execute 'grant select on addresses, prefixes, pools, clusters, ledger_state, clock_trust, caller_clocks, audit_log, audit_seals, audit_hours, observations, handovers, stock_holders, schema_version, pool_stats to ' || role;
    execute format('grant execute on routine %s to %I', reads, role);
  end loop;
  if to_regrole('rock_mac_app') is not null then execute format('grant execute on routine %s to rock_mac_app', app); end if;
  if to_regrole('rock_mac_device') is not null then execute format('grant execute on routine %s to rock_mac_device', device); end if;
  if to_regrole('rock_mac_admin') is not null then execute format('grant execute on routine %s, %s to rock_mac_admin', app, admin); end if;
  foreach role in array array['rock_mac_admin', 'rock_mac_auditor'] loop
    if to_regrole(role) is not null then execute format('grant select on all tables in schema rock_mac to %I', role); end if;
  end loop;
end $$;
