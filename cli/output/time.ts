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

/** Formats the time between two moments in one unit: `3d`, `5h`, `20m`, `7s`. */
export function formatDistance(from: Date, to: Date): string {
  const seconds = Math.round(Math.abs(to.getTime() - from.getTime()) / 1_000);
  const [unit, size] = UNITS.find(([, size]) => seconds >= 2 * size) ?? (['s', 1] as const);
  return `${String(Math.floor(seconds / size))}${unit}`;
}
