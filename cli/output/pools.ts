import { formatDuration } from '../../api/duration.ts';
import type { Pool } from '../../ledger/pool/pools.ts';
import { rangeSize } from '../../mac/mac-range.ts';
import type { PoolCounts } from '../backend.ts';
import { countText } from './pool-usage.ts';
import { printable } from './table.ts';

export const POOL_HEADERS = [
  'Pool',
  'First',
  'Last',
  'Auto-Release',
  'Reuse Delay',
  'Strategy',
  'Paused',
  'Description',
];

/** Returns the cells of a pool in the table of `pool list`. */
export function poolCells(pool: Pool): string[] {
  const { name, first, last, autoReleaseSeconds, reuseDelaySeconds, strategy, paused, description } = pool;
  return [
    name,
    first,
    last,
    autoReleaseText(autoReleaseSeconds),
    formatDuration(reuseDelaySeconds),
    strategy,
    paused ? 'yes' : 'no',
    description,
  ];
}

/** Returns the lines of `pool describe`. */
export function poolDetails(pool: Pool, counts: Partial<PoolCounts> = {}): string[] {
  // The ledger may be ahead of a MacPool.
  const held = { ...pool, strategy: counts.strategy ?? pool.strategy };
  const facts = [...definitionFacts(held), ...countFacts(counts)];
  return facts.flatMap(([name, value]) =>
    value === undefined ? [] : [`${`${name}:`.padEnd(LABEL_WIDTH)} ${printable(value)}`],
  );
}

type Fact = readonly [name: string, value: string | undefined];

function definitionFacts(pool: Pool): Fact[] {
  return [
    ['Pool', pool.name],
    ['Description', pool.description || undefined],
    ['Range', `${pool.first} to ${pool.last} (${String(rangeSize(pool))} addresses)`],
    ['Auto-Release', autoReleaseText(pool.autoReleaseSeconds)],
    ['Reuse Delay', formatDuration(pool.reuseDelaySeconds)],
    ['Strategy', pool.strategy],
    ['Paused', pool.paused ? 'yes: it hands out nothing' : 'no'],
    ['Defined By', pool.clusterId && `cluster ${pool.clusterId}`],
  ];
}

function countFacts(counts: Partial<PoolCounts>): Fact[] {
  return [
    ['Active', countText(counts.active)],
    ['Pending', countText(counts.pending)],
    ['Stocked', countText(counts.stocked)],
    ['Reserved', countText(counts.reserved)],
    ['Orphaned', countText(counts.orphaned)],
    ['Released', countText(counts.released)],
    ['Free', countText(counts.free)],
    ['Use', counts.utilisation === undefined ? undefined : `${counts.utilisation.toFixed(2)}%`],
  ];
}

const LABEL_WIDTH = 13;

function autoReleaseText(seconds: number | null): string {
  return seconds === null ? 'never' : formatDuration(seconds);
}
