import { describe, expect, test } from 'vitest';
import type { HistoryPoint } from '../../api/console.ts';
import { forecast } from './forecast.ts';

const NOW = new Date('2026-01-31T00:00:00Z');

/** Makes a history of days, the last of which ends now. */
function days(held: readonly number[]): HistoryPoint[] {
  return held.map((count, index) => ({
    at: new Date(NOW.getTime() - (held.length - 1 - index) * 86_400_000).toISOString(),
    held: count,
    handedOut: 0,
    released: 0,
  }));
}

describe('the forecast of a pool', () => {
  test('divides what is free by the growth of the last week', () => {
    expect(forecast(days([0, 100, 200, 300, 400, 500, 600, 700]), 1_000, NOW)).toEqual({
      kind: 'full',
      perDay: 100,
      days: 10,
      earliest: 10,
      latest: 10,
    });
  });

  test('is less certain the more the days differ', () => {
    const result = forecast(days([0, 50, 200, 250, 400, 450, 600, 700]), 1_000, NOW);
    if (result.kind !== 'full') throw new Error('the pool grows');
    expect(result.days).toBeCloseTo(10);
    expect(result.earliest).toBeLessThan(8);
    expect(result.latest).toBeGreaterThan(14);
  });

  test('names no date if the growth may be chance', () => {
    expect(forecast(days([0, 400, 10, 500, 20, 600, 30, 70]), 1_000, NOW)).toEqual({ kind: 'steady', perDay: 10 });
  });

  test('names no date for a pool that shrinks', () => {
    expect(forecast(days([700, 600, 500, 400, 300, 200, 100, 0]), 1_000, NOW).kind).toBe('steady');
  });

  test('needs a week of history, and the counts', () => {
    expect(forecast(days([0, 100, 200]), 1_000, NOW)).toEqual({ kind: 'unknown' });
    expect(forecast([], 1_000, NOW)).toEqual({ kind: 'unknown' });
    expect(forecast(days([0, 1, 2, 3, 4, 5, 6, 7]), undefined, NOW)).toEqual({ kind: 'unknown' });
  });

  test('counts hours without a change as the last one before', () => {
    const held = days([0, 100, 200, 300, 400, 500, 600, 700]);
    const sparse = held.filter((_, index) => index !== 3);
    expect(forecast(sparse, 1_000, NOW)).toMatchObject({ kind: 'full', perDay: 100 });
  });
});
