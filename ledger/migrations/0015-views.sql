-- Views for people and auditors. The first columns of `active_allocations` and `pool_stats` are the predecessor's.

create view rock_mac.allocations as
select rock_mac.to_mac(a.addr) as mac_address, p.name as pool, a.device_id, a.device_type, a.state as status, a.allocated_at, a.released_at,
       a.expires_at, a.missing_since, a.generation, a.cluster_id, a.owner_kind, a.owner_namespace, a.owner_name, a.owner_uid, a.owner_nic,
       a.consumer_kind, a.consumer_name, a.metadata, a.requester as allocated_by, a.actor as changed_by, a.changed_at, a.reason,
       a.state <> 'released' and rock_mac.is_sticky(a.holder_key) as sticky, a.unreachable_node
from rock_mac.addresses a join rock_mac.pools p using (pool_id)
where a.generation > 0;

create view rock_mac.active_allocations as
select a.mac_address, a.pool, a.device_id, a.device_type, a.allocated_at,
       floor(extract(epoch from rock_mac.clock() - a.allocated_at) / 86400)::int as days_allocated,
       a.expires_at, a.missing_since, a.generation, a.cluster_id, a.owner_kind, a.owner_namespace, a.owner_name, a.owner_uid, a.owner_nic,
       a.consumer_kind, a.consumer_name, a.metadata, a.allocated_by
from rock_mac.allocations a where a.status = 'active';

create view rock_mac.pool_stats as
select p.name as pool, p.description,
       coalesce(c.active, 0) as active_count, coalesce(c.released, 0) as released_count, coalesce(c.reserved, 0) as reserved_count,
       coalesce(c.owners, 0)::bigint as total_allocated, coalesce(c.owners - (c.rows - c.released - c.observed), 0)::bigint as total_released,
       coalesce(c.pending, 0) as pending_count, coalesce(c.stocked, 0) as stocked_count, coalesce(c.orphaned, 0) as orphaned_count, coalesce(c.observed, 0) as observed_count,
       rock_mac.to_mac(p.first) as first, rock_mac.to_mac(p.last) as last, p.last - p.first + 1 as capacity,
       p.last - p.first + 1 - coalesce(c.rows, 0) + coalesce(c.reusable, 0) as free_count,   -- what can be handed out now
       round(100.0 * coalesce(c.rows - c.reusable, 0) / (p.last - p.first + 1), 2) as utilisation_percent,
       p.auto_release, p.reuse_delay, p.paused,
       coalesce(c.released - c.reusable, 0) as waiting_count,                                   -- released, and not to be handed out yet
       -- The next one that was never used. Those at the cursor of the pool may be: requested by name, observed, or drawn while it was random.
       case when p.strategy = 'sequential' and rock_mac.cursor_of(p) <= p.last then rock_mac.to_mac(
         case when not exists (select from rock_mac.addresses a where a.addr = p.next_addr) then p.next_addr
              else (select u.addr + 1 from (select a.addr, lead(a.addr) over (order by a.addr) as next from rock_mac.addresses a
                                            where a.addr between p.next_addr and p.last) u
                    where u.addr < p.last and u.next is distinct from u.addr + 1 order by u.addr limit 1) end) end as cursor,
       p.strategy
from rock_mac.pools p left join (
  select a.pool_id, count(*) as rows, sum(a.generation) as owners,
         count(*) filter (where a.state = 'active') as active, count(*) filter (where a.state = 'pending') as pending,
         count(*) filter (where a.state = 'stocked') as stocked, count(*) filter (where a.state = 'reserved') as reserved, count(*) filter (where a.state = 'orphaned') as orphaned,
         count(*) filter (where a.state = 'released' and not a.blocked) as released,
         count(*) filter (where a.state = 'released' and a.blocked) as observed,
         count(*) filter (where a.state = 'released' and not a.blocked and a.released_at <= n.t - q.reuse_delay and n.reuses) as reusable
  from rock_mac.addresses a join rock_mac.pools q using (pool_id), (select rock_mac.clock() as t, rock_mac.expiry_held() is null as reuses offset 0) n
  group by a.pool_id) c using (pool_id)
order by p.first;
