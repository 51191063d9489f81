const two = (number: number): string => String(number).padStart(2, '0');

/** Formats a moment in local time to the minute, as in `2026-01-31 09:05`. */
export function formatMinutes(date: Date): string {
  const day = [String(date.getFullYear()), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
] as const;

/**
 * Formats the time between two moments in its two largest units: `6d23h`, `5h`, `1m30s`. Never says more than is left: the
 * rest is cut, not rounded.
 */
export function formatDistance(from: Date, to: Date): string {
  const seconds = Math.floor(Math.abs(to.getTime() - from.getTime()) / 1_000);
  const largest = UNITS.findIndex(([, size]) => seconds >= size);
  let rest = seconds;
  let text = '';
  for (const [unit, size] of largest < 0 ? [] : UNITS.slice(largest, largest + 2)) {
    const count = Math.floor(rest / size);
    if (count > 0) text += `${String(count)}${unit}`;
    rest -= count * size;
  }
  return text === '' ? '0s' : text;
}
