import { pino } from 'pino';
import { describe, expect, test } from 'vitest';
import { createManualClock } from '../test/doubles/manual-clock.ts';
import { retryForever } from './retry-forever.ts';

const logger = pino({ level: 'silent' });

describe('retryForever', () => {
  test('ends with the first success', async () => {
    const clock = createManualClock();
    let tries = 0;
    const attempt = (): Promise<string> =>
      ++tries < 50 ? Promise.reject(new Error('not yet')) : Promise.resolve('done');
    const trying = retryForever('test', attempt, { logger, clock, signal: new AbortController().signal });
    await clock.advance(3_600_000);
    expect(await trying).toBe('done');
    expect(tries).toBe(50);
  });

  test('ends when the signal fires', async () => {
    const clock = createManualClock();
    const controller = new AbortController();
    const attempt = (): Promise<never> => Promise.reject(new Error('never'));
    const trying = retryForever('test', attempt, { logger, clock, signal: controller.signal });
    const ended = expect(trying).rejects.toThrow('enough');
    await clock.advance(10_000);
    controller.abort(new Error('enough'));
    await ended;
    expect(clock.waiting).toBe(0);
  });
});
