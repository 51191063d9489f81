import type { HistoryPoint } from '../../api/console.ts';

/** When a pool will be full, from what it grew in the last week. */
export type Forecast =
  /** Too little is known: less than a week of history, or no counts. */
  | { readonly kind: 'unknown' }
  /** It does not grow, or grows so irregularly that its growth is not above zero for certain. */
  | { readonly kind: 'steady'; readonly perDay: number }
  | {
      readonly kind: 'full';
      readonly perDay: number;
      /** Days until no address is free: most likely, at the earliest, and at the latest. */
      readonly days: number;
      readonly earliest: number;
      readonly latest: number;
    };

const DAY_MS = 86_400_000;
const DAYS = 7;

/** Student's t for 6 degrees of freedom: the slope is within so many standard errors in 95 of 100 cases. */
const T_95 = 2.447;

/**
 * Estimates when a pool is full. The slope is the mean of the growth of the last seven days, and its uncertainty comes from
 * how much these days differ. Pure.
 */
export function forecast(history: readonly HistoryPoint[], free: number | undefined, now: Date): Forecast {
  const [first] = history;
  if (free === undefined || first === undefined) return { kind: 'unknown' };
  const beginsAt = now.getTime() - DAYS * DAY_MS;
  if (new Date(first.at).getTime() > beginsAt) return { kind: 'unknown' };
  const held = Array.from({ length: DAYS + 1 }, (_, day) => heldAt(history, beginsAt + day * DAY_MS));
  const growth = held.slice(1).map((value, day) => value - (held[day] ?? 0));
  const perDay = growth.reduce((sum, each) => sum + each, 0) / DAYS;
  const variance = growth.reduce((sum, each) => sum + (each - perDay) ** 2, 0) / (DAYS - 1);
  const margin = T_95 * Math.sqrt(variance / DAYS);
  if (perDay - margin <= 0) return { kind: 'steady', perDay };
  return {
    kind: 'full',
    perDay,
    days: free / perDay,
    earliest: free / (perDay + margin),
    latest: free / (perDay - margin),
  };
}

/** Returns how many were held at a moment: hours without a change may be absent. */
export function heldAt(history: readonly HistoryPoint[], moment: number): number {
  const last = history.findLast(({ at }) => new Date(at).getTime() <= moment);
  return last?.held ?? history[0]?.held ?? 0;
}
