import type { PoolCounts } from '../backend.ts';
import type { Terminal } from '../terminal.ts';
import { shortened } from './shortened.ts';
import { bar } from './style.ts';
import { type Column, formatTable } from './table.ts';

/** Shown for a count that the operator has not published. */
const UNKNOWN = '-';

export function countText(count: number | undefined): string {
  return count === undefined ? UNKNOWN : String(count);
}

const MOST_DESCRIPTION = 30;
const LEAST_DESCRIPTION = 8;
const LEAST_BAR = 10;
const MOST_BAR = 40;
const COUNT_WIDTH = 8;

/** What stands behind a bar, such as ` 100%`. */
const PERCENT_WIDTH = 5;

/** Returns the table of pools for a terminal: as wide as the terminal, with a bar at the end of each row. */
export function usageTable(pools: readonly PoolCounts[], terminal: Pick<Terminal, 'columns' | 'colours'>): string[] {
  const nameWidth = Math.min(24, Math.max(12, ...pools.map(({ pool }) => pool.length)));
  const counts = 3 * (COUNT_WIDTH + 1);
  const rest = terminal.columns - 1 - (nameWidth + 1) - counts - 1 - PERCENT_WIDTH;
  const description = Math.max(LEAST_DESCRIPTION, Math.min(MOST_DESCRIPTION, rest - LEAST_BAR));
  const barWidth = Math.max(LEAST_BAR, Math.min(MOST_BAR, rest - description));
  const columns: readonly Column[] = [
    { head: 'Pool', width: nameWidth },
    { head: shortened('Description', description), width: description },
    { head: 'Active', width: COUNT_WIDTH },
    { head: 'Released', width: COUNT_WIDTH },
    { head: 'Reserved', width: COUNT_WIDTH },
    { head: 'Use', width: 0, painted: true },
  ];
  const rows = pools.map((pool) => [
    shortened(pool.pool, nameWidth),
    shortened(pool.description, description),
    countText(pool.active),
    countText(pool.released),
    countText(pool.reserved),
    pool.utilisation === undefined ? '' : bar(terminal, pool.utilisation, barWidth),
  ]);
  return formatTable(columns, rows);
}
