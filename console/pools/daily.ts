import type { HistoryPoint } from '../../api/console.ts';
import { heldAt } from './forecast.ts';

/** One day of a pool, by the calendar of UTC. */
export interface Day {
  /** Its beginning. */
  readonly at: Date;
  /** Held at its end, or now. */
  readonly held: number;
  readonly handedOut: number;
  readonly released: number;
}

const DAY_MS = 86_400_000;

/** Sums up a history by days, the last of which is today. Days without a change are included. Pure. */
export function daysOf(history: readonly HistoryPoint[], count: number, now: Date): Day[] {
  const today = Math.floor(now.getTime() / DAY_MS) * DAY_MS;
  return Array.from({ length: count }, (_, index) => {
    const begin = today - (count - 1 - index) * DAY_MS;
    const within = history.filter(({ at }) => {
      const moment = new Date(at).getTime();
      return moment >= begin && moment < begin + DAY_MS;
    });
    return {
      at: new Date(begin),
      held: heldAt(history, begin + DAY_MS - 1),
      handedOut: within.reduce((sum, point) => sum + point.handedOut, 0),
      released: within.reduce((sum, point) => sum + point.released, 0),
    };
  });
}
