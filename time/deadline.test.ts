import { describe, expect, test } from 'vitest';
import { createManualClock } from '../test/doubles/manual-clock.ts';
import { startDeadline } from './deadline.ts';

describe('a deadline', () => {
  test('fires and is expired when its time is up', async () => {
    const clock = createManualClock();
    const deadline = startDeadline(100, clock);
    await clock.advance(99);
    expect(deadline.signal.aborted).toBe(false);
    await clock.advance(1);
    expect(deadline.signal.aborted).toBe(true);
    expect(deadline.expired).toBe(true);
  });

  test('fires with the signal of the caller and its reason', () => {
    const caller = new AbortController();
    const deadline = startDeadline(100, createManualClock(), caller.signal);
    caller.abort(new Error('enough'));
    expect(deadline.signal.reason).toEqual(new Error('enough'));
    expect(deadline.expired).toBe(false);
  });

  test('has already fired if the signal of the caller has', () => {
    expect(startDeadline(100, createManualClock(), AbortSignal.abort()).signal.aborted).toBe(true);
  });

  test('starts again with another length when it is restarted', async () => {
    const clock = createManualClock();
    const deadline = startDeadline(100, clock);
    await clock.advance(90);
    deadline.restart(100);
    await clock.advance(90);
    expect(deadline.signal.aborted).toBe(false);
    await clock.advance(10);
    expect(deadline.signal.aborted).toBe(true);
  });

  test('leaves no timer and no listener behind when it is cleared', async () => {
    const clock = createManualClock();
    const caller = new AbortController();
    const deadline = startDeadline(100, clock, caller.signal);
    deadline.clear();
    caller.abort();
    await clock.advance(1_000);
    expect(clock.waiting).toBe(0);
    expect(deadline.signal.aborted).toBe(false);
  });
});
