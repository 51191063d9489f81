import { legacyTime } from './plan.ts';
import type { LegacyAllocation } from './predecessor-sqlite.ts';

/** What a file of the predecessor contains, for people who decide about it. */
export interface LegacySummary {
  readonly total: number;
  /** Number of addresses by pool and state, both in alphabetical order. */
  readonly pools: readonly { readonly pool: string; readonly states: Readonly<Record<string, number>> }[];
  /** When the newest address was allocated. */
  readonly newest: Date | undefined;
}

/** Counts the addresses of a file. */
export function summarizeLegacy(allocations: readonly LegacyAllocation[]): LegacySummary {
  const pools = new Map<string, Map<string, number>>();
  let newest: Date | undefined;
  for (const { pool, status, allocated_at: time } of allocations) {
    const states = pools.get(pool) ?? new Map<string, number>();
    pools.set(pool, states.set(status, (states.get(status) ?? 0) + 1));
    const allocatedAt = legacyTime(time);
    if (allocatedAt !== undefined && (newest === undefined || allocatedAt > newest)) newest = allocatedAt;
  }
  return {
    total: allocations.length,
    pools: sorted(pools).map(([pool, states]) => ({ pool, states: Object.fromEntries(sorted(states)) })),
    newest,
  };
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}
