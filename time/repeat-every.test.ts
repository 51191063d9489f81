import { pino } from 'pino';
import { expect, test } from 'vitest';
import { createManualClock } from '../test/doubles/manual-clock.ts';
import { repeatEvery } from './repeat-every.ts';

const logger = pino({ level: 'silent' });

test('a task runs after each interval, also after failures, and no more once the signal has fired', async () => {
  const clock = createManualClock();
  const controller = new AbortController();
  let runs = 0;
  const run = () => (++runs === 2 ? Promise.reject(new Error('not now')) : Promise.resolve());
  const repeating = repeatEvery(10_000, 'test', run, { logger, clock, signal: controller.signal });
  await clock.advance(9_999);
  expect(runs).toBe(0);
  await clock.advance(30_000);
  expect(runs).toBe(3);
  controller.abort();
  await repeating;
  expect(runs).toBe(3);
  expect(clock.waiting).toBe(0);
});
