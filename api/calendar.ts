/** Returns whether a day such as `2026-02-28` exists. `Date` takes February 30 for March 2. */
export function isCalendarDay(day: string): boolean {
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}
