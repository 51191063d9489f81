/*
 * Measures what the console reads, on 460,000 addresses and 1,000,000 rows of the audit. 300,000 more are in a pool of 2^40, which has too
 * many places for a few digits to visit each. `--quick` takes fewer turns and stores
 * nothing.
 */
import { table } from '../../hack/markdown.ts';
import { searchAddresses } from '../../ledger/address/search.ts';
import { listAudit } from '../../ledger/audit.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { migrate } from '../../ledger/migrate.ts';
import { poolHistory } from '../../ledger/pool/history.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { stateMap } from '../../ledger/pool/state-map.ts';
import { sealAudit } from '../../ledger/seal/seal.ts';
import { sealState } from '../../ledger/seal/seal-list.ts';
import { clusterViews } from '../../ledger/view/cluster-view.ts';
import { mac } from '../../mac/mac-address.ts';
import { startPostgres } from '../env/postgres/postgres.ts';
import { measure, percentile } from './measure.ts';
import { atMost, goalTable, keep, machine, milliseconds, perSecond } from './report.ts';

const quick = process.argv.includes('--quick');
const TURNS = quick ? 20 : 200;
const ADDRESSES = 460_000;
const AUDIT_ROWS = 1_000_000;
const CLUSTERS = 4;

/** Fills all pools. A tenth are devices with metadata, a tenth claims with a consumer, and the others pods. */
const FILL = `
  insert into rock_mac.clusters (cluster_id, name, adopted_at, changed_by) select 'cluster-' || i, 'site-' || i, now(), 'bench' from generate_series(0, ${String(CLUSTERS - 1)}) i;
  insert into rock_mac.addresses (addr, pool_id, state, origin, holder_key, cluster_id, owner_kind, owner_namespace, owner_name, owner_uid, owner_nic,
    device_id, device_type, metadata, consumer_key, consumer_kind, consumer_name, consumer_nic, allocated_at, changed_at, released_at, requester, actor)
  select r.addr, r.pool_id, case when r.i % 20 = 0 then 'released' else 'active' end, 'allocate', 'fill/' || r.i,
    case when k > 0 then 'cluster-' || r.i % ${String(CLUSTERS)} end, case k when 0 then null when 1 then 'MacAllocation' else 'Pod' end,
    case when k > 0 then 'team-' || r.i % 700 end,
    case k when 0 then null when 1 then 'claim-' || r.i else 'web-' || substr(md5(r.i::text), 1, 9) || '-' || r.i % 100 end,
    case when k > 0 then md5('u' || r.i) end, case when k > 0 then 'eth0' end,
    case when k = 0 then 'vm-' || r.i end, case when k = 0 then 'qemu-vm' end,
    case when k = 0 then jsonb_build_object('rack', 'r' || r.i % 400, 'serial', md5('s' || r.i)) else '{}' end,
    case when k = 1 and r.i % 20 <> 0 then 'consumer/' || r.i end, case when k = 1 and r.i % 20 <> 0 then 'Pod' end, case when k = 1 and r.i % 20 <> 0 then 'user-' || r.i end, case when k = 1 and r.i % 20 <> 0 then 'eth0' end,
    now(), now(), case when r.i % 20 = 0 then now() end, 'ada', 'bench'
  from (select p.pool_id, g as addr, row_number() over (order by p.first, g) - 1 as i from rock_mac.pools p, generate_series(p.first, p.last) g limit ${String(ADDRESSES)}) r,
    lateral (select r.i % 10 as k) k order by r.addr;
  update rock_mac.pools p set next_addr = coalesce((select max(a.addr) + 1 from rock_mac.addresses a where a.pool_id = p.pool_id), p.first)`;

/** Adds changes of the last 30 days, so that the audit has a million rows. */
const HISTORY = `
  insert into rock_mac.audit_log ("timestamp", action, mac_address, pool, device_id, "user", details, generation, state_before, state, holder_key, actor)
  select now() - make_interval(secs => 2592000 * (1 - i::float8 / ${String(AUDIT_ROWS)})), case i % 2 when 0 then 'allocate' else 'release' end, rock_mac.to_mac(a.addr), p.name, a.device_id,
    'ada', '{"requester": "ada"}', 1, case i % 2 when 0 then 'released' else 'active' end, case i % 2 when 0 then 'active' else 'released' end, a.holder_key, 'bench'
  from generate_series(1, ${String(AUDIT_ROWS)}::int - (select count(*) from rock_mac.audit_log)::int) i
  join rock_mac.pools p on p.name = (array['production', 'development', 'experiment', 'vultr', 'docker', 'kubernetes', 'rest'])[1 + i % 7]
  join rock_mac.addresses a on a.addr = p.first + i % 60000`;

/** Half of the rows are at the beginning of the pool, as the ledger hands them out, and half were asked for anywhere in it. */
const LARGE_ROWS = 300_000;
const FILL_LARGE = `
  insert into rock_mac.addresses (addr, pool_id, state, origin, holder_key, device_id, device_type, allocated_at, changed_at, requester, actor)
  select r.addr, r.pool_id, 'active', 'allocate', 'large/' || r.addr, 'large-' || r.addr, 'qemu-vm', now(), now(), 'ada', 'bench'
  from (select p.pool_id, p.first + case when g % 2 = 0 then g / 2 else g * ((p.last - p.first) / ${String(LARGE_ROWS)}) end as addr
        from rock_mac.pools p, generate_series(0::bigint, ${String(LARGE_ROWS - 1)}) g where p.name = 'large') r
  order by r.addr on conflict do nothing`;

async function fill(db: LedgerClient): Promise<void> {
  await db.connections.query('set statement_timeout = 0'); // of the only connection
  const { rows } = await db.connections.query<{ last: string }>('select max(last)::text as last from rock_mac.pools');
  process.stdout.write(`filling, pools end at ${rows[0]?.last ?? ''}\n`);
  // Seven pools have 458,751 addresses. A small one has the others.
  await db.connections.query(`insert into rock_mac.pools (name, first, last, next_addr, reuse_delay, changed_by)
    values ('rest', rock_mac.to_addr('a4:58:0f:10:00:00'), rock_mac.to_addr('a4:58:0f:10:ff:ff'), rock_mac.to_addr('a4:58:0f:10:00:00'), '1 hour', 'bench')`);
  await db.connections.query(FILL);
  await db.connections.query(`insert into rock_mac.pools (name, first, last, next_addr, reuse_delay, changed_by)
    select 'large', f, rock_mac.to_addr('02:ff:ff:ff:ff:ff'), f + ${String(LARGE_ROWS / 2)}, '1 hour', 'bench'
    from rock_mac.to_addr('02:00:00:00:00:00') f`);
  await db.connections.query(FILL_LARGE);
  await db.connections.query(HISTORY);
  await db.connections.query('vacuum (analyze)');
}

/** What people type. Each is sent as it is typed. */
const SEARCHES: readonly string[] = [
  ...['a4:58:0f:05:12:34', '05:12', '1234', 'f05', 'A458.0F05', ':ff:0', '0f', 'a'],
  ...['web-', 'web-3f', 'web-c4ca4238a', 'claim-12', 'claim-123451', 'user-9', 'user-54321'],
  ...['vm-1', 'vm-123450', 'team-1', 'team-699', 'site', 'site-3', 'cluster-2', 'r12', 'r399', 'nobody', 'x', 'R7'],
];

/** Digits that no address has, or few. */
const RARE = ['fedcb', 'fedcba', 'e:dc:b', 'edc.ba', '02:fe:dc', 'abcdef01'];

const postgres = await startPostgres({ name: 'bench', fsync: true });
try {
  const url = await postgres.createDatabase('console');
  await migrate(url);
  const options = { applicationName: 'bench', max: 1, statementTimeoutMs: 600_000, connectTimeoutMs: 5_000 };
  const db = openLedger({ url, ...options });
  await fill(db);
  const sealed = performance.now();
  const rows = await sealAudit(db);
  const sealMs = performance.now() - sealed;
  await db.connections.query('vacuum (analyze)');

  const since = new Date(Date.now() - 30 * 86_400_000);
  let turn = 0;
  const nextText = () => SEARCHES[turn++ % SEARCHES.length] ?? '';
  const nextRare = () => RARE[turn++ % RARE.length] ?? '';
  const firsts = ['01', '02', '03', '04', '05'].map((octet) => mac(`a4:58:0f:${octet}:00:00`));
  const nextFirst = () => firsts[turn++ % firsts.length] ?? mac('a4:58:0f:01:00:00');
  const ways: readonly (readonly [title: string, turns: number, read: () => Promise<unknown>])[] = [
    ['search', TURNS * 5, () => searchAddresses(db, nextText(), 20)],
    ['search of rare digits', TURNS, () => searchAddresses(db, nextRare(), 20)],
    ['map of 65,536 addresses', TURNS, () => stateMap(db, nextFirst(), 65_536)],
    ['the same, where a text is', TURNS, () => stateMap(db, nextFirst(), 65_536, nextText())],
    ['30 days of one pool', TURNS, () => poolHistory(db, { pool: 'docker', since })],
    ['newest page of the audit', TURNS, () => listAudit(db, { limit: 100 })],
    ['state of the seals', TURNS, () => sealState(db)],
    ['pools', 20, () => poolStats(db)],
    ['clusters', 20, () => clusterViews(db)],
  ];
  const lines: string[][] = [];
  const p95: Record<string, number> = {};
  for (const [title, turns, read] of ways) {
    await measure({ callers: 1, ms: 60_000, turns: SEARCHES.length }, read); // caches
    const { latencies } = await measure({ callers: 1, ms: 120_000, turns }, read);
    const [p50, p95OfWay, worst] = [50, 95, 100].map((percent) => percentile(latencies, percent));
    p95[title] = p95OfWay ?? Number.NaN;
    lines.push([title, ...[p50, p95OfWay, worst].map((value) => milliseconds(value ?? Number.NaN))]);
    process.stdout.write(`${lines.at(-1)?.join(' ') ?? ''}\n`);
  }
  const slow: string[] = [];
  for (const text of [...SEARCHES, ...RARE]) {
    const { latencies } = await measure({ callers: 1, ms: 10_000, turns: 10 }, () => searchAddresses(db, text, 20));
    slow.push(`${text}: ${milliseconds(percentile(latencies, 50))} ms`);
  }
  process.stdout.write(`${slow.join('\n')}\n`);
  await db.close();

  const goals = goalTable([
    atMost('p95 of a search ≤ 100 ms (in units of 100 ms)', (p95['search'] ?? Number.NaN) / 100, 1),
    atMost(
      'p95 of a search of rare digits ≤ 100 ms (in units of 100 ms)',
      (p95['search of rare digits'] ?? Number.NaN) / 100,
      1,
    ),
    atMost('p95 of a map ≤ 200 ms (in units of 200 ms)', (p95['map of 65,536 addresses'] ?? Number.NaN) / 200, 1),
  ]);
  const where = `${new Date().toISOString().slice(0, 10)}, ${machine()}; PostgreSQL 18, Node ${process.versions.node}.`;
  const text = [
    `Measured ${where} ${perSecond(ADDRESSES)} addresses, ${perSecond(AUDIT_ROWS)} rows of the audit, one caller.`,
    table(['', 'p50 ms', 'p95 ms', 'worst ms'], lines),
    `Sealing and counting ${perSecond(rows)} rows took ${(sealMs / 1_000).toFixed(0)} s: ${perSecond((1_000 * rows) / sealMs)} rows per second.`,
    goals,
  ].join('\n\n');
  process.stdout.write(`${text}\n`);
  if (!quick) await keep(new URL('../../docs/benchmarks.md', import.meta.url), text, 'bench-console');
} finally {
  await postgres.close();
}
