import { formatCount, formatPeriod } from '../shared/format.ts';
import type { Forecast } from './forecast.ts';

const DAY_SECONDS = 86_400;

/** Farther away, a date says nothing. */
const MAX_DAYS = 3_650;

/** Returns a sentence about when the pool is full. */
export function forecastText(result: Forecast): string {
  switch (result.kind) {
    case 'unknown':
      return 'No forecast: it needs a week of history.';
    case 'steady':
      return result.perDay > 0.5
        ? 'No forecast: the last week grew too irregularly.'
        : 'Did not grow in the last week.';
    case 'full': {
      const { perDay, days, earliest, latest } = result;
      const growth = `${formatCount(Math.round(perDay), 'address', 'addresses')} a day`;
      if (earliest > MAX_DAYS) return `Grows by ${growth}: not full within ten years.`;
      const range =
        latest > MAX_DAYS
          ? `at the earliest in ${duration(earliest)}`
          : `between ${duration(earliest)} and ${duration(latest)}`;
      return `Full in about ${duration(days)} (${range}) at the growth of the last week, ${growth}.`;
    }
  }
}

function duration(days: number): string {
  return days < 60 ? formatCount(Math.max(1, Math.round(days)), 'day') : formatPeriod(days * DAY_SECONDS);
}
