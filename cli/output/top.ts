import type { PoolCounts } from '../backend.ts';
import type { Terminal } from '../terminal.ts';
import { countText } from './pool-usage.ts';
import { shortened } from './shortened.ts';
import { bar } from './style.ts';
import { type Column, formatTable } from './table.ts';

/** The counts of all pools at one moment. */
export interface Sample {
  readonly pools: readonly PoolCounts[];
  readonly at: Date;
}

/** Addresses per second between two samples. */
export interface Rates {
  readonly handedOut: number;
  readonly released: number;
}

/** Returns the rates of a pool. They are unknown without the ledger, and for a new pool. */
export function ratesOf(pool: string, before: Sample | undefined, after: Sample): Rates | undefined {
  const [old, now] = [before, after].map((sample) => sample?.pools.find((each) => each.pool === pool));
  const seconds = (after.at.getTime() - (before?.at.getTime() ?? Number.NaN)) / 1_000;
  const handedOut = difference(old?.totalAllocated, now?.totalAllocated);
  const released = difference(old?.totalReleased, now?.totalReleased);
  if (!(seconds > 0) || handedOut === undefined || released === undefined) return undefined;
  return { handedOut: handedOut / seconds, released: released / seconds };
}

function difference(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined || after === undefined ? undefined : Math.max(0, after - before);
}

const COUNT = 7;
const LEAST_BAR = 10;
const MOST_BAR = 60;

/** Returns the screen of `top`: a line of totals, and a row for each pool, as wide as the terminal. */
export function topLines(
  before: Sample | undefined,
  after: Sample,
  terminal: Pick<Terminal, 'columns' | 'colours'>,
): string[] {
  const { pools } = after;
  const nameWidth = Math.min(24, Math.max(10, ...pools.map(({ pool }) => pool.length)));
  const barWidth = Math.max(LEAST_BAR, Math.min(MOST_BAR, terminal.columns - nameWidth - 5 * (COUNT + 1) - 8));
  const columns: readonly Column[] = [
    { head: 'Pool', width: nameWidth },
    ...['Held', 'Free', 'Waiting', 'Out/s', 'Back/s'].map((head) => ({ head, width: COUNT })),
    { head: 'Use', width: 0, painted: true },
  ];
  const rows = pools.map((pool) => {
    const rates = ratesOf(pool.pool, before, after);
    return [
      shortened(pool.pool, nameWidth),
      countText(heldOf(pool)),
      countText(pool.free),
      countText(pool.waiting),
      rateText(rates?.handedOut),
      rateText(rates?.released),
      pool.utilisation === undefined ? '' : bar(terminal, pool.utilisation, barWidth),
    ];
  });
  return [totals(before, after), '', ...formatTable(columns, rows)];
}

function totals(before: Sample | undefined, after: Sample): string {
  const { pools, at } = after;
  const sum = (values: readonly (number | undefined)[]) => values.reduce<number>((all, value) => all + (value ?? 0), 0);
  const rates = pools.map(({ pool }) => ratesOf(pool, before, after));
  const known = rates.some((each) => each !== undefined);
  const held = `${String(sum(pools.map(heldOf)))} of ${String(sum(pools.map(({ capacity }) => capacity)))} addresses held`;
  const out = known ? `, ${rateText(sum(rates.map((each) => each?.handedOut)))} handed out/s` : '';
  const back = known ? `, ${rateText(sum(rates.map((each) => each?.released)))} released/s` : '';
  return `${at.toISOString().slice(11, 19)} UTC: ${held}${out}${back}`;
}

/** Returns the number of addresses that somebody holds. */
function heldOf({ active, pending, reserved, orphaned, stocked }: PoolCounts): number | undefined {
  if (active === undefined) return undefined;
  return active + (pending ?? 0) + (reserved ?? 0) + (orphaned ?? 0) + (stocked ?? 0);
}

function rateText(rate: number | undefined): string {
  return rate === undefined ? '-' : rate.toFixed(rate < 100 ? 1 : 0);
}
