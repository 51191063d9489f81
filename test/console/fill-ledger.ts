import type { TestLedger } from '../integration/ledger-fixture.ts';

/** How many addresses of a pool were used so far, and how many percent of these are held. */
interface Fill {
  readonly pool: string;
  readonly used: number;
  readonly held: number;
}

export interface FillOptions {
  readonly fills: readonly Fill[];
  /** Roughly how many rows the audit gets. Each held address has at least two. */
  readonly auditRows: number;
}

/** A ledger that people can look at: every state, some clusters, a month of history. */
export const SMALL: FillOptions = {
  fills: [
    { pool: 'production', used: 9_000, held: 88 },
    { pool: 'development', used: 53_000, held: 96 },
    { pool: 'experiment', used: 400, held: 5 },
    { pool: 'docker', used: 62_000, held: 98 },
    { pool: 'kubernetes', used: 39_000, held: 82 },
    { pool: 'reserved', used: 300, held: 100 },
  ],
  auditRows: 420_000,
};

/** 460,000 addresses and more than 1,000,000 rows of the audit. */
export const LARGE: FillOptions = {
  fills: [
    { pool: 'production', used: 65_535, held: 70 },
    { pool: 'development', used: 65_536, held: 90 },
    { pool: 'experiment', used: 65_536, held: 60 },
    { pool: 'vultr', used: 65_536, held: 85 },
    { pool: 'docker', used: 65_536, held: 98 },
    { pool: 'kubernetes', used: 65_536, held: 99 },
    { pool: 'reserved', used: 65_536, held: 40 },
    { pool: 'large', used: 1_189, held: 50 },
  ],
  auditRows: 1_000_000,
};

const CLUSTERS = [
  { id: '6f1b8c1e-0d5c-4d0c-9f7e-2a4b8f0c1d01', name: 'production-eu' },
  { id: '6f1b8c1e-0d5c-4d0c-9f7e-2a4b8f0c1d02', name: 'production-us' },
  { id: '6f1b8c1e-0d5c-4d0c-9f7e-2a4b8f0c1d03', name: 'staging' },
] as const;

/** Owners of the addresses of these pools are pods, machines and claims; those of the others are devices. */
const IN_CLUSTERS = ['kubernetes', 'docker', 'vultr', 'large'];

/**
 * Writes rows without triggers and locks, in seconds. The audit agrees with the addresses: each held one was allocated and bound,
 * and earlier owners released theirs. Numbers come from hashes, so that every run makes the same ledger, relative to now.
 */
export async function fillLedger({ sql }: Pick<TestLedger, 'sql'>, { fills, auditRows }: FillOptions): Promise<void> {
  await sql(`insert into rock_mac.pools (name, first, last, next_addr, auto_release, reuse_delay, description, changed_by)
             select 'large', f, f + 1048575, f, '1 day', '1 hour', 'Room for more: a million addresses', 'test'
             from (select rock_mac.to_addr('a4:58:0f:10:00:00') as f) x on conflict do nothing`);
  for (const [index, { id, name }] of CLUSTERS.entries()) {
    await sql(
      `insert into rock_mac.clusters (cluster_id, name, registered_at, adopted_at, reported_epoch, last_resync_at, looked_under, changed_by)
       values ($1, $2, now() - interval '200 days', now() - interval '200 days', 1, now() - make_interval(mins => $3),
               array(select prefix from rock_mac.prefixes), 'test')`,
      [id, name, 1 + index * 19],
    );
  }
  // One connection, because the setting belongs to the session.
  await sql(`do $fill$ begin
    set local session_replication_role = replica;
    ${fills.map(fillOfPool).join('\n')}
    ${audit(fills, auditRows)}
  end $fill$`);
  await sql('analyze');
}

/** Returns a number from 0 to 99 that depends on `i` only. */
const percent = (salt: number) => `(abs(hashint8(i * 7 + ${String(salt)})) % 100)`;

function fillOfPool({ pool, used, held }: Fill): string {
  const inCluster = IN_CLUSTERS.includes(pool);
  const state =
    pool === 'reserved'
      ? `case when ${percent(1)} < ${String(held)} then 'reserved' else 'released' end`
      : `case when ${percent(1)} >= ${String(held)} then 'released'
              when ${percent(2)} = 0 and ${percent(3)} < 40 then 'orphaned' when ${percent(2)} = 1 then 'reserved'
              when ${percent(2)} = 2 and i > ${String(used * 0.9)} and ${String(inCluster)} then 'pending'
              when ${percent(2)} = 3 and ${String(inCluster)} then 'stocked' else 'active' end`;
  const cluster = `(array['${CLUSTERS.map(({ id }) => id).join("','")}'])[1 + i / 512 % ${String(CLUSTERS.length)}]`;
  const namespace = `(array['shop','billing','fleet','search','media','payments','edge','lab'])[1 + abs(hashint8(i / 32)) % 8]`;
  const kind = `(array['Pod','Pod','Pod','VirtualMachine','MacAllocation'])[1 + i / 8 % 5]`;
  const name = `(array['web','api','worker','cache','db','queue'])[1 + abs(hashint8(i / 8)) % 6] || '-' || substr(md5((i / 8)::text), 1, 5) || '-' || i % 8`;
  const device = `(array['vm','host','switch','camera','printer'])[1 + i / 16 % 5] || '-' || lpad(i::text, 5, '0')`;
  const owned = (value: string) => (inCluster ? value : 'null');
  return `
    insert into rock_mac.addresses (addr, pool_id, state, generation, origin, holder_key, cluster_id, owner_kind, owner_namespace,
        owner_name, owner_uid, owner_nic, device_id, device_type, metadata, allocated_at, changed_at, expires_at, missing_since,
        released_at, requester, actor, reason)
    select p.first + i, p.pool_id, s.state, 1 + abs(hashint8(i)) % 4, 'allocate',
      case when ${percent(4)} = 7 and ${String(inCluster)} then 'sticky/' else 'fill/' end || p.name || '/' || i,
      ${owned(cluster)}, ${owned(kind)}, ${owned(namespace)}, ${owned(name)}, ${owned("'uid-' || p.name || i")}, ${owned("'eth0'")},
      ${inCluster ? 'null' : device}, ${inCluster ? 'null' : `(array['qemu-vm','server','network','iot','iot'])[1 + i / 16 % 5]`},
      ${inCluster ? `'{}'` : `case when i % 3 = 0 then jsonb_build_object('rack', 'r' || i / 64 % 40, 'serial', 'SN' || lpad(i::text, 7, '0')) else '{}' end`},
      t.at, t.at + interval '2 seconds',
      case when s.state = 'pending' then now() + interval '2 minutes'
           when s.state = 'active' and not ${String(inCluster)} then now() + interval '1 day' * (1 + i % 6) end,
      case when ${String(inCluster)} and s.state = 'active' and ${percent(4)} = 7 and ${percent(5)} < 50 then now() - interval '3 hours' end,
      case when s.state = 'released' then t.at + (now() - t.at) * 0.97 * (abs(hashint8(i * 3)) % 1000) / 1000.0
             + case when ${percent(6)} < 12 then (now() - t.at) * 0.02 else interval '0' end end,
      case when ${String(inCluster)} then 'system:serviceaccount:' || ${namespace} || ':deployer' else 'ada' end,
      case when ${String(inCluster)} then 'operator' else 'rock-mac' end, case when s.state = 'released' then 'the object was deleted' else 'allocated' end
    from rock_mac.pools p, generate_series(0::bigint, ${String(used - 1)}) i,
      -- A third is older than a month; the others came faster and faster.
      lateral (select now() - interval '31 days' * case when ${percent(7)} < 33 then 1 + ${percent(8)} / 20.0
                 else 1 - power((abs(hashint8(i * 11)) % 100000) / 100000.0, 0.8) end as at) t,
      lateral (select ${state} as state) s
    where p.name = '${pool}';
    update rock_mac.pools set next_addr = first + ${String(used)} where name = '${pool}';
    update rock_mac.addresses a set blocked = true
    from rock_mac.pools p where p.pool_id = a.pool_id and p.name = '${pool}' and a.state = 'released' and a.addr % 37 = 0;`;
}

function audit(fills: readonly Fill[], rows: number): string {
  const names = fills.map(({ pool }) => `'${pool}'`).join(', ');
  return `
    create temporary table held on commit drop as
      select a.*, p.name as pool, row_number() over (order by hashint8(a.addr)) as n
      from rock_mac.addresses a join rock_mac.pools p using (pool_id) where p.name in (${names});
    insert into rock_mac.audit_log ("timestamp", action, mac_address, pool, device_id, "user", details, generation, state_before, state,
        holder_key, cluster_id, owner, actor, reason, login)
    select e.at, e.action, rock_mac.to_mac(h.addr), h.pool, h.device_id, h.requester, '{}', e.generation, e.before, e.after,
      h.holder_key, h.cluster_id, nullif(concat_ws('/', h.owner_kind, h.owner_namespace, h.owner_name, h.owner_nic), ''), h.actor, e.reason, 'rock_mac'
    from held h, lateral (
      select h.allocated_at as at, 'allocate' as action, h.generation, case when h.generation > 1 then 'released' end as before, 'pending' as after, 'a pod was created' as reason
      union all select h.allocated_at + interval '2 seconds', 'bind', h.generation, 'pending', case h.state when 'pending' then 'pending' when 'released' then 'active' else h.state end, 'the object was stored'
      union all select h.released_at, 'release', h.generation, 'active', 'released', 'the object was deleted' where h.state = 'released'
      union all
      select x.at, x.action, 1, x.before, x.after, x.reason
      from (values (interval '1 hour', 'allocate', null, 'pending', 'a pod was created'), (interval '59 minutes', 'bind', 'pending', 'active', 'the object was stored'),
                   (interval '10 minutes', 'release', 'active', 'released', 'the object was deleted')) v(before_now, action, before, after, reason),
        lateral (select h.allocated_at - (h.allocated_at - (now() - interval '32 days')) * 0.5 - v.before_now as at, v.*) x
      where h.generation > 1 and h.allocated_at > now() - interval '30 days' and h.n <= ${String(Math.floor(rows / 3))}
    ) e
    order by e.at;
    insert into rock_mac.audit_hours (pool, hour, handed_out, released, held_change)
    select c.pool, c.hour, sum(c.handed_out), sum(c.released), sum(c.held_change) from rock_mac.audit_changes c group by c.pool, c.hour
    on conflict do nothing;
    perform rock_mac.append_seal(row(0, 1, false, 0, '{}', '{}', m.id, null, null, m.id, null, null)::rock_mac.audit_seals)
    from (select max(l.id) as id from rock_mac.audit_log l) m;`;
}
