import type { Command } from 'commander';
import type { PoolHour } from '../../ledger/pool/history.ts';
import type { PoolCounts } from '../backend.ts';
import { type Cli, withBackend } from '../cli.ts';
import { csvOf } from '../output/csv.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { countText, usageTable } from '../output/pool-usage.ts';
import { shortened } from '../output/shortened.ts';
import { type Column, formatPlain, formatTable } from '../output/table.ts';
import { formatMinutes } from '../output/time.ts';
import type { Terminal } from '../terminal.ts';
import { parseMoment } from './parse-values.ts';
import { addExamples } from './shared-flags.ts';

const COLUMNS: readonly Column[] = [
  { head: 'Pool', width: 12 },
  { head: 'Description', width: 30 },
  { head: 'Active', width: 8 },
  { head: 'Released', width: 10 },
  { head: 'Reserved', width: 10 },
];

const WIDE_COLUMNS: readonly Column[] = [
  ...COLUMNS,
  { head: 'Pending', width: 8 },
  { head: 'Stocked', width: 8 },
  { head: 'Orphaned', width: 8 },
  { head: 'Free', width: 8 },
  { head: 'Capacity', width: 8 },
  { head: 'Use', width: 8 },
  { head: 'Range', width: 0 },
];

const CSV_FIELDS = [
  'pool',
  'description',
  'first',
  'last',
  'capacity',
  'active',
  'pending',
  'stocked',
  'reserved',
  'released',
  'orphaned',
  'observed',
  'free',
  'utilisation',
  'paused',
] as const;

/** Returns the columns of the predecessor in a pipe. A terminal gets a table of its width, with bars. */
function tableOf(pools: readonly PoolCounts[], format: 'table' | 'wide', terminal: Terminal): string[] {
  if (format === 'wide') return formatTable(WIDE_COLUMNS, pools.map(wideCells));
  return terminal.interactive ? usageTable(pools, terminal) : formatTable(COLUMNS, pools.map(cells));
}

/** `stats`: shows how full each pool is, and on request what happened. */
export function addStats(program: Command, cli: Cli): void {
  const command = program
    .command('stats')
    .summary('show how full each pool is')
    .description(
      'Shows how many addresses of each pool are in use, with a bar on a terminal. With --since also how many were handed out and ' +
        'released, by whole hours. The JSON output then has each hour with a change, and for each pool the last one before.',
    )
    .option('--since <moment>', 'also what happened since an age (24h, 7d) or a date', (text) => parseMoment(text))
    .addOption(outputOption({ csv: true }))
    .action(async ({ since }: { readonly since?: Date }, command: Command) => {
      const { pools, hours } = await withBackend(command, cli, async (backend) => ({
        pools: await backend.stats(),
        hours: since === undefined ? undefined : await backend.history(since),
      }));
      const { terminal } = cli;
      await printReport(terminal, command, {
        lines: (format) => [
          ...tableOf(pools, format, terminal),
          ...(since === undefined || hours === undefined ? [] : historyLines(pools, hours, since)),
        ],
        kind: 'PoolUsageList',
        value: { items: withHistory(pools, hours) },
        csv: () => csvOf(pools, CSV_FIELDS),
        names: () => pools.map(({ pool }) => pool),
      });
    });
  const { program: name } = cli.mode;
  addExamples(
    command,
    `${name} stats`,
    `${name} stats -o wide`,
    `${name} stats --since 7d`,
    `${name} stats -o json | jq '.items[] | select(.utilisation > 75) | .pool'`,
  );
}

/** Truncates the description to keep the counts in the columns that scripts read. The JSON output has all of it. */
function cells({ pool, description, active, released, reserved }: PoolCounts): string[] {
  return [pool, shortened(description, 30), countText(active), countText(released), countText(reserved)];
}

function wideCells(pool: PoolCounts): string[] {
  const counts = [pool.pending, pool.stocked, pool.orphaned, pool.free, pool.capacity].map(countText);
  const use = pool.utilisation === undefined ? countText(undefined) : `${pool.utilisation.toFixed(2)}%`;
  return [...cells(pool), ...counts, use, `${pool.first}-${pool.last}`];
}

/** Adds its hours to each pool, without those before the moment. */
function withHistory(pools: readonly PoolCounts[], hours: readonly PoolHour[] | undefined) {
  if (hours === undefined) return pools;
  return pools.map((pool) => ({
    ...pool,
    history: hours.filter((hour) => hour.pool === pool.pool).map(({ pool: _, ...hour }) => hour),
  }));
}

/** Returns the table of what happened since a moment. The hour before it only has the number of held addresses. */
function historyLines(pools: readonly PoolCounts[], hours: readonly PoolHour[], since: Date): string[] {
  const rows = pools.map(({ pool }) => {
    const all = hours.filter((hour) => hour.pool === pool);
    const within = all.filter(({ hour }) => hour.getTime() > since.getTime() - HOUR_MS);
    const sum = (count: (hour: PoolHour) => number) => String(within.reduce((total, hour) => total + count(hour), 0));
    const held = all.map((hour) => hour.held);
    const most = Math.max(0, ...held);
    return [pool, sum((hour) => hour.handedOut), sum((hour) => hour.released), String(most), String(held.at(-1) ?? 0)];
  });
  const heads = ['Pool', 'Handed Out', 'Released', 'Most Held', 'Held Now'];
  return ['', `Since ${formatMinutes(since)}, by whole hours:`, ...formatPlain(heads, rows)];
}

const HOUR_MS = 3_600_000;
