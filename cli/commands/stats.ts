import type { Command } from 'commander';
import type { PoolCounts } from '../backend.ts';
import { type Cli, withBackend } from '../cli.ts';
import { csvOf } from '../output/csv.ts';
import { printReport } from '../output/format.ts';
import { outputOption } from '../output/output-flag.ts';
import { bar } from '../output/style.ts';
import { type Column, formatTable } from '../output/table.ts';
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

/** `stats`: shows how full each pool is. A terminal shows a bar after the columns of the predecessor. */
export function addStats(program: Command, cli: Cli): void {
  const command = program
    .command('stats')
    .summary('show how full each pool is')
    .description('Shows how many addresses of each pool are in use, with a bar on a terminal.')
    .addOption(outputOption({ csv: true }))
    .action(async (_options: unknown, command: Command) => {
      const pools = await withBackend(command, cli, (backend) => backend.stats());
      const { terminal } = cli;
      await printReport(terminal, command, {
        lines: (format) => {
          if (format === 'wide') return formatTable(WIDE_COLUMNS, pools.map(wideCells));
          if (!terminal.interactive) return formatTable(COLUMNS, pools.map(cells));
          const rows = pools.map((pool) => [
            ...cells(pool),
            pool.utilisation === undefined ? '' : bar(terminal, pool.utilisation),
          ]);
          return formatTable([...COLUMNS, { head: 'Use', width: 0, painted: true }], rows);
        },
        kind: 'PoolUsageList',
        value: { items: pools },
        csv: () => csvOf(pools, CSV_FIELDS),
        names: () => pools.map(({ pool }) => pool),
      });
    });
  const { program: name } = cli.mode;
  addExamples(
    command,
    `${name} stats`,
    `${name} stats -o wide`,
    `${name} stats -o json | jq '.items[] | select(.utilisation > 75) | .pool'`,
  );
}

/** Truncates the description to keep the counts in the columns that scripts read. The JSON output has all of it. */
function cells({ pool, description, active, released, reserved }: PoolCounts): string[] {
  const short = description.length > 30 ? `${description.slice(0, 29)}…` : description;
  return [pool, short, countText(active), countText(released), countText(reserved)];
}

function wideCells(pool: PoolCounts): string[] {
  const counts = [pool.pending, pool.stocked, pool.orphaned, pool.free, pool.capacity].map(countText);
  const use = pool.utilisation === undefined ? UNKNOWN : `${pool.utilisation.toFixed(2)}%`;
  return [...cells(pool), ...counts, use, `${pool.first}-${pool.last}`];
}

/** Shown for a count that the operator has not published. */
const UNKNOWN = '-';

function countText(count: number | undefined): string {
  return count === undefined ? UNKNOWN : String(count);
}
