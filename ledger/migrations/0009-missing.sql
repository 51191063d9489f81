-- Marks the addresses that a trusted resync of one cluster did not see. It locks and writes only rows that change, so a
-- large resync blocks nobody. It skips rows that changed after the resync began, because its list may be older than the
-- row. No nested loops: such a plan, made while the cluster was small, would compare every address with every other.
create function rock_mac.mark_missing(p_cluster text, p_started timestamptz, p_seen bigint[], p_prefixes text[]) returns table (marked bigint, cleared bigint)
language plpgsql volatile security definer set search_path = rock_mac, pg_temp set enable_nestloop = off as $$
#variable_conflict use_column
declare
  gone bigint[] := array(select a.addr from addresses a where a.cluster_id = p_cluster and a.state = 'active' and a.missing_since is null
                           and not exists (select 1 from unnest(p_seen) s where s = a.addr));
  back bigint[] := array(select a.addr from addresses a where a.cluster_id = p_cluster and a.missing_since is not null
                           and a.addr = any (p_seen));
begin
  perform require_reach(p_cluster);
  update clusters set last_resync_at = clock(), looked_under = p_prefixes where cluster_id = p_cluster;   -- before its addresses, in the lock order of retire_cluster
  perform lock_addresses(gone || back);
  with m as (update addresses a set missing_since = clock()
             where a.addr = any (gone) and a.cluster_id = p_cluster and a.state = 'active' and a.missing_since is null
               and a.changed_at < p_started returning 1)
  select count(*) into marked from m;
  with c as (update addresses a set missing_since = null
             where a.addr = any (back) and a.cluster_id = p_cluster and a.missing_since is not null returning 1)
  select count(*) into cleared from c;
  return next;
end $$;

