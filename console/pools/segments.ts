import type { PoolView } from '../../api/console.ts';
import type { MapState } from '../../api/state-map.ts';

/** A part of a pool's bar. */
export interface Segment {
  readonly state: MapState;
  readonly count: number;
  /** Of the capacity. */
  readonly percent: number;
}

/** Returns the parts of a pool that are not empty, without what is free. Empty if the counts are not known. */
export function segmentsOf(pool: PoolView): Segment[] {
  const { capacity } = pool;
  if (capacity === undefined || capacity === 0) return [];
  const counts: readonly (readonly [MapState, number | undefined])[] = [
    ['active', pool.active],
    ['pending', pool.pending],
    ['stocked', pool.stocked],
    ['reserved', pool.reserved],
    ['orphaned', pool.orphaned],
    ['observed', pool.observed],
    ['waiting', waitingOf(pool)],
  ];
  return counts.flatMap(([state, count = 0]) =>
    count > 0 ? [{ state, count, percent: (100 * count) / capacity }] : [],
  );
}

/** Returns how many released addresses wait for their reuse. What is observed is released too, and is not handed out. */
function waitingOf({ waiting, observed = 0 }: PoolView): number | undefined {
  return waiting === undefined ? undefined : Math.max(0, waiting - observed);
}

/** How urgent the fullness of a pool is: the steps of the bar. */
export type Level = 'normal' | 'high' | 'critical';

export const STEPS = [75, 90] as const;

export function levelOf(utilisation: number | undefined): Level {
  if (utilisation === undefined || utilisation < STEPS[0]) return 'normal';
  return utilisation < STEPS[1] ? 'high' : 'critical';
}
