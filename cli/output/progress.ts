import { formatDuration } from '../../api/duration.ts';

/** Rates are not shown before this time, because the first rows say little. */
const SETTLED_MS = 1_000;

/** Returns a line such as `Imported 12,000 of 200,000 rows, 8,000 rows/s, 24s left`. */
export function progressLine(verb: string, done: number, total: number, elapsedMs: number, unit = 'rows'): string {
  const counts = `${verb} ${grouped(done)} of ${grouped(total)} ${unit}`;
  if (elapsedMs < SETTLED_MS || done === 0) return counts;
  const perSecond = (done * 1_000) / elapsedMs;
  const left = Math.ceil((total - done) / perSecond);
  return `${counts}, ${grouped(Math.round(perSecond))} ${unit}/s, ${formatDuration(left)} left`;
}

/** Returns a count with a comma before each three digits. */
export function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
