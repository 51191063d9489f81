/*
 * Measures the ledger in ratios that hold on any machine. Everything runs on one Postgres in alternating rounds,
 * because other load changes absolute numbers. `--quick` measures less and stores nothing.
 */
import { POOL_STRATEGIES, type PoolStrategy } from '../../api/pool-strategy.ts';
import { table } from '../../hack/markdown.ts';
import { findByMac } from '../../ledger/address/find.ts';
import { listAudit } from '../../ledger/audit.ts';
import { type LedgerClient, openLedger } from '../../ledger/connection/connect.ts';
import { migrate } from '../../ledger/migrate.ts';
import { poolStats } from '../../ledger/pool/pool-stats.ts';
import { definePool } from '../../ledger/pool/pools.ts';
import { markAdopted, registerCluster } from '../../ledger/state/clusters.ts';
import { mac, macToNumber, numberToMac } from '../../mac/mac-address.ts';
import { type Postgres, startPostgres } from '../env/postgres/postgres.ts';
import { mean, measure, measureAllocations, type Measured, median, openOneRowWriters, percentile } from './measure.ts';
import { emptyAgain, fillPools, freePlaces, poolStates } from './pool-states.ts';
import { type Goal, goalTable, keep, machine, milliseconds, perSecond, times } from './report.ts';
import { CLUSTER, deviceRequest, podRequest } from './requests.ts';

const quick = process.argv.includes('--quick');
const ROUNDS = quick ? 3 : 5;
const ROUND_MS = quick ? 500 : 1_500;
const SLICES = quick ? 3 : 12;
const NEARLY_FULL = quick ? 131_072 : 1_048_576;
const LARGE_AUDIT = quick ? 200_000 : 1_000_000;

interface Section {
  readonly text: string;
  readonly goals: readonly Goal[];
}

async function ledger(postgres: Postgres, name: string, template?: string): Promise<LedgerClient> {
  const url = await postgres.createDatabase(name, template === undefined ? {} : { template });
  if (template === undefined) await migrate(url);
  const db = openLedger({
    url,
    applicationName: 'bench',
    max: 4,
    statementTimeoutMs: 120_000,
    connectTimeoutMs: 5_000,
  });
  if (template === undefined) {
    await registerCluster(db, { clusterId: CLUSTER, name: 'bench' }, 'bench');
    await markAdopted(db, { clusterId: CLUSTER, epoch: 1 }, 'bench');
  }
  return db;
}

const byRound = (rounds: readonly Measured[], of: (measured: Measured) => number) => median(rounds.map(of));
const p50 = ({ latencies }: Measured) => percentile(latencies, 50);
const meanOf = ({ latencies }: Measured) => mean(latencies);
const p99 = ({ latencies }: Measured) => percentile(latencies, 99);

async function rates(postgres: Postgres): Promise<Section> {
  const db = await ledger(postgres, 'rates');
  const oneRow = await openOneRowWriters(postgres.url('rates'), 8);
  const wide = { name: 'wide', first: mac('a4:58:0f:40:00:00'), last: mac('a4:58:0f:bf:ff:ff'), description: '' };
  await definePool(db, { ...wide, autoReleaseSeconds: 86_400, reuseDelaySeconds: 3_600 }, 'bench');
  const ask = (callers: number, next: (pool: string) => ReturnType<typeof podRequest>, ms = ROUND_MS) =>
    measureAllocations(db, { callers, ms }, () => next('wide'));

  const ways: readonly (readonly [title: string, run: (ms?: number) => Promise<Measured>])[] = [
    ['one-row commits, 8 connections', (ms = ROUND_MS) => oneRow.measure(ms)],
    ['pods, 1 caller', (ms) => ask(1, podRequest, ms)],
    ['pods, 8 callers', (ms) => ask(8, podRequest, ms)],
    ['pods, 32 callers', (ms) => ask(32, podRequest, ms)],
    ['pods, 128 callers', (ms) => ask(128, podRequest, ms)],
    ['devices, 128 callers', (ms) => ask(128, deviceRequest, ms)],
  ];
  for (const [, run] of ways) await run(300); // caches, plans and compiled code
  const rounds = ways.map((): Measured[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, [, run]] of ways.entries()) rounds[index]?.push(await run());
  }
  await oneRow.close();
  await db.close();

  const base = rounds[0] ?? [];
  const ratio = (measured: readonly Measured[]) =>
    median(measured.map((one, round) => one.perSecond / (base[round]?.perSecond ?? Number.NaN)));
  const lines = ways.map(([title], index) => {
    const measured = rounds[index] ?? [];
    const rate = perSecond(byRound(measured, (one) => one.perSecond));
    return [
      title,
      rate,
      times(ratio(measured)),
      milliseconds(byRound(measured, p50)),
      milliseconds(byRound(measured, meanOf)),
      milliseconds(byRound(measured, p99)),
    ];
  });
  const goal = (who: string, way: number): Goal => {
    const measured = ratio(rounds[way] ?? []);
    return { goal: `128 callers for ${who}: allocations/s ≥ 3 × one-row commits/s`, measured, reached: measured >= 3 };
  };
  return {
    text: `### Allocations\n\n${table(['', 'per second', 'to one-row commits', 'p50 ms', 'mean ms', 'p99 ms'], lines)}`,
    goals: [goal('pods', 4), goal('devices', 5)],
  };
}

async function states(postgres: Postgres): Promise<Section> {
  const db = await ledger(postgres, 'states');
  const pools = poolStates(NEARLY_FULL);
  await fillPools(db, pools);
  // Alternating slices spread other load over all states. One requester, so only the state of the pool matters.
  const turns = freePlaces(NEARLY_FULL);
  const latencies = pools.map(() => Array.from({ length: ROUNDS }, (): number[] => []));
  for (const pool of pools) await slice(pool);
  for (let round = 0; round < ROUNDS; round++) {
    for (let n = 0; n < SLICES; n++) {
      for (const [index, pool] of pools.entries()) latencies[index]?.[round]?.push(...(await slice(pool)).latencies);
    }
  }
  async function slice(pool: (typeof pools)[number]): Promise<Measured> {
    const measured = await measureAllocations(db, { callers: 1, ms: 60_000, turns }, () => podRequest(pool.name));
    if (pool.name === 'nearly') {
      await emptyAgain(db, pool);
      // This invalidates the plans of its connection; the next measurement must not pay for that.
      await measureAllocations(db, { callers: 4, ms: 60_000, turns: 5 }, () => podRequest('kubernetes'));
    }
    return measured;
  }
  await db.close();

  const of = (rounds: readonly number[][], percent: number) =>
    median(
      rounds.map((round) =>
        percentile(
          round.toSorted((a, b) => a - b),
          percent,
        ),
      ),
    );
  const found = pools.map(({ title }, index) => {
    const rounds = latencies[index] ?? [];
    return { title, p50: of(rounds, 50), mean: median(rounds.map(mean)), p99: of(rounds, 99) };
  });
  const empty = found[0]?.p99 ?? Number.NaN;
  const worst = Math.max(...found.map((one) => one.p99)) / empty;
  const lines = found.map((one) => [
    one.title,
    milliseconds(one.p50),
    milliseconds(one.mean),
    milliseconds(one.p99),
    times(one.p99 / empty),
  ]);
  return {
    text: `### States of a pool, one caller\n\n${table(['pool', 'p50 ms', 'mean ms', 'p99 ms', 'p99 to empty'], lines)}`,
    goals: [
      { goal: 'p99 of the worst pool state ≤ 1.5 × that of the empty pool', measured: worst, reached: worst <= 1.5 },
    ],
  };
}

/** Measures pools of both strategies in turn. They are large, so that the rows of the random one lie far apart in the indexes. */
async function strategies(postgres: Postgres): Promise<Section> {
  const db = await ledger(postgres, 'strategies');
  let next = macToNumber(mac('a4:58:0f:40:00:00'));
  for (const strategy of POOL_STRATEGIES) {
    const ends = { first: numberToMac(next), last: numberToMac(next + 4_194_303) };
    next += 4_194_304;
    const periods = { autoReleaseSeconds: 86_400, reuseDelaySeconds: 3_600 };
    await definePool(db, { name: strategy, ...ends, ...periods, description: '', strategy }, 'bench');
  }
  const lines: string[][] = [];
  for (const callers of [1, 32, 128]) {
    const found: Record<PoolStrategy, Measured[]> = { sequential: [], random: [] };
    for (let round = 0; round <= ROUNDS; round++) {
      for (const strategy of POOL_STRATEGIES) {
        const measured = await measureAllocations(db, { callers, ms: ROUND_MS }, () => podRequest(strategy));
        if (round > 0) found[strategy].push(measured); // the first round fills caches and makes plans
      }
    }
    const rate = (strategy: PoolStrategy) => byRound(found[strategy], (one) => one.perSecond);
    const slower = median(
      found.random.map((one, round) => one.perSecond / (found.sequential[round]?.perSecond ?? Number.NaN)),
    );
    const rates = POOL_STRATEGIES.map((strategy) => perSecond(rate(strategy)));
    const middles = POOL_STRATEGIES.map((strategy) => milliseconds(byRound(found[strategy], p50)));
    lines.push([`pods, ${String(callers)} caller${callers === 1 ? '' : 's'}`, ...rates, times(slower), ...middles]);
  }
  await db.close();
  const head = ['', 'sequential, per second', 'random', 'to sequential', 'sequential, p50 ms', 'random, p50 ms'];
  return { text: `### Random pools\n\n${table(head, lines)}`, goals: [] };
}

/** Measures the same ledger with one audit row per address, and with many. */
async function auditSizes(postgres: Postgres): Promise<Section> {
  const held = 65_000;
  const first = mac('a4:58:0f:01:00:00');
  const made = await ledger(postgres, 'small');
  await made.connections.query(`
    insert into rock_mac.addresses (addr, pool_id, state, origin, holder_key, device_id, allocated_at, changed_at, requester, actor)
    select p.first + i, p.pool_id, 'active', 'allocate', 'fill/' || i, 'vm-' || i, now(), now(), 'ada', 'bench'
    from rock_mac.pools p, generate_series(0, ${held - 1}) i where p.name = 'development' order by i;
    update rock_mac.pools set next_addr = first + ${held} where name = 'development'`);
  await made.close();
  const large = await ledger(postgres, 'large', 'small');
  await large.connections.query(`
    insert into rock_mac.audit_log ("timestamp", action, mac_address, pool, device_id, "user", details, generation, state_before, state,
                                    holder_key, actor)
    select now(), 'change', rock_mac.to_mac(${macToNumber(first)} + i % ${held}), 'development', 'vm-' || i % ${held}, 'ada',
           '{"requester": "ada"}', 1, 'active', 'active', 'fill/' || i % ${held}, 'bench'
    from generate_series(1, ${LARGE_AUDIT}) i`);
  const small = await ledger(postgres, 'again', 'small');
  for (const db of [small, large]) await db.connections.query('vacuum (analyze)');

  const aMac = () => numberToMac(macToNumber(first) + Math.floor(Math.random() * held));
  const ways: readonly (readonly [title: string, turns: number, ask: (db: LedgerClient) => Promise<unknown>])[] = [
    ['`stats`', 9, poolStats],
    ['look-up by MAC', 200, (db) => findByMac(db, aMac())],
    [
      'view `allocations` by MAC',
      200,
      (db) => db.connections.query('select * from rock_mac.allocations where mac_address = $1', [aMac()]),
    ],
    ['history of a MAC', 200, (db) => listAudit(db, { mac: aMac(), limit: 1 })],
  ];
  const lines: string[][] = [];
  const goals: Goal[] = [];
  for (const [title, turns, ask] of ways) {
    const found = { small: [] as number[], large: [] as number[] };
    for (let round = 0; round <= ROUNDS; round++) {
      for (const [size, db] of Object.entries({ small, large }) as ['small' | 'large', LedgerClient][]) {
        const measured = await measure({ callers: 1, ms: 60_000, turns }, () => ask(db));
        if (round > 0) found[size].push(p50(measured));
      }
    }
    lines.push(sizes(title, median(found.small), median(found.large)));
    const growth = median(found.large) / median(found.small);
    // A fifth is noise. A scan of the audit would take many times as long.
    goals.push({ goal: `${title} does not grow with the audit`, measured: growth, reached: growth <= 1.2 });
  }
  const found = { small: [] as Measured[], large: [] as Measured[] };
  for (let round = 0; round < ROUNDS; round++) {
    for (const [size, db] of Object.entries({ small, large }) as ['small' | 'large', LedgerClient][]) {
      found[size].push(await measureAllocations(db, { callers: 32, ms: ROUND_MS / 2 }, () => podRequest('kubernetes')));
    }
  }
  lines.push(sizes('allocation, 32 callers', byRound(found.small, p50), byRound(found.large, p50)));
  await small.close();
  await large.close();
  const head = ['p50 ms', `audit of ${perSecond(held)} rows`, `of ${perSecond(held + LARGE_AUDIT)} rows`, 'growth'];
  return { text: `### Size of the audit\n\n${table(head, lines)}`, goals: goals.slice(0, 3) };
}

function sizes(title: string, small: number, large: number): string[] {
  return [title, milliseconds(small), milliseconds(large), times(large / small)];
}

const where = `${new Date().toISOString().slice(0, 10)}, ${machine()}; PostgreSQL 18, Node ${process.versions.node}, fsync on.`;
const postgres = await startPostgres({ name: 'bench', fsync: true });
try {
  const sections: Section[] = [];
  for (const run of [rates, states, strategies, auditSizes]) {
    sections.push(await run(postgres));
    process.stdout.write(`${sections.at(-1)?.text ?? ''}\n\n`);
  }
  const goals = goalTable(sections.flatMap((section) => section.goals));
  process.stdout.write(`### Goals\n\n${goals}\n\n${where}\n`);
  const text = [`Measured ${where}`, ...sections.map((section) => section.text), `### Goals\n\n${goals}`].join('\n\n');
  if (!quick) await keep(new URL('../../docs/benchmarks.md', import.meta.url), text);
} finally {
  await postgres.close();
}
