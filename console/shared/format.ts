/*
 * Numbers and times for people. Every number has its unit, and moments are in the time zone of the browser.
 */

const NUMBER = new Intl.NumberFormat('en');

export function formatNumber(value: number): string {
  return NUMBER.format(value);
}

/** Returns a count with its noun: `1 address`, `2,048 addresses`. */
export function formatCount(count: number, one: string, many = `${one}s`): string {
  return `${NUMBER.format(count)} ${count === 1 ? one : many}`;
}

/** Returns a share in percent with at most three digits. Something never looks like nothing, nor less than all like all. */
export function formatPercent(percent: number): string {
  if (percent <= 0) return '0 %';
  if (percent < 0.1) return '< 0.1 %';
  if (percent > 99.9 && percent < 100) return '> 99.9 %';
  return `${percent < 100 ? percent.toFixed(1).replace(/\.0$/, '') : '100'} %`;
}

const DATE_TIME = new Intl.DateTimeFormat('en-GB', {
  year: 'numeric',
  month: 'short',
  day: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const DAY = new Intl.DateTimeFormat('en-GB', { month: 'short', day: 'numeric' });

export function formatDateTime(moment: string | Date): string {
  return DATE_TIME.format(new Date(moment));
}

export function formatDay(moment: string | Date): string {
  return DAY.format(new Date(moment));
}

const UNITS = [
  ['year', 31_557_600],
  ['month', 2_629_800],
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
  ['second', 1],
] as const;

/** Returns a period in its largest unit, rounded down: `3 days`. */
export function formatPeriod(seconds: number): string {
  const length = Math.max(0, Math.floor(seconds));
  const [unit, size] = UNITS.find(([, each]) => length >= each) ?? ['second', 1];
  return formatCount(Math.floor(length / size), unit);
}

/** Returns a moment relative to now: `3 days ago`, `in 5 minutes`, `just now`. */
export function formatRelative(moment: string | Date, now: Date): string {
  const seconds = (new Date(moment).getTime() - now.getTime()) / 1_000;
  if (Math.abs(seconds) < 2) return 'just now';
  return seconds < 0 ? `${formatPeriod(-seconds)} ago` : `in ${formatPeriod(seconds)}`;
}
