import { describe, expect, test } from 'vitest';
import { createManualClock } from '../test/doubles/manual-clock.ts';
import { sleep } from './sleep.ts';

async function settledAfter(promise: Promise<void>, act: () => Promise<void>): Promise<boolean> {
  let settled = false;
  void promise.then(() => {
    settled = true;
  });
  await act();
  return settled;
}

describe('a sleep', () => {
  test('lasts the given time', async () => {
    const clock = createManualClock();
    const sleeping = sleep(1_000, clock);
    expect(await settledAfter(sleeping, () => clock.advance(999))).toBe(false);
    expect(await settledAfter(sleeping, () => clock.advance(1))).toBe(true);
  });

  test('ends when the signal fires, and leaves no timer behind', async () => {
    const clock = createManualClock();
    const controller = new AbortController();
    const sleeping = sleep(1_000, clock, controller.signal);
    controller.abort();
    expect(await settledAfter(sleeping, () => clock.advance(0))).toBe(true);
    expect(clock.waiting).toBe(0);
  });

  test('returns at once when the signal has already fired', async () => {
    const clock = createManualClock();
    await sleep(1_000, clock, AbortSignal.abort());
    expect(clock.waiting).toBe(0);
  });
});
