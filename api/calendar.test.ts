import { expect, test } from 'vitest';
import { isCalendarDay } from './calendar.ts';

test.each(['2026-02-28', '2024-02-29', '2000-02-29', '1999-12-31'])('%s exists', (day) => {
  expect(isCalendarDay(day)).toBe(true);
});

test.each(['2026-02-29', '2026-02-30', '1900-02-29', '2026-04-31', '2026-13-01', '2026-00-10', '2026-01-00', ''])(
  '%j does not exist',
  (day) => {
    expect(isCalendarDay(day)).toBe(false);
  },
);
