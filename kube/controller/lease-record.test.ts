import { describe, expect, test } from 'vitest';
import { heldBy, isHeldByOther, released } from './lease-record.ts';

const date = new Date('2030-01-01T00:00:00.120Z');

describe('a lease', () => {
  test('is held by another candidate for its lease duration, by the local clock', () => {
    const record = { holderIdentity: 'a', leaseDurationSeconds: 15 };
    expect(isHeldByOther(record, 'b', 0)).toBe(true);
    expect(isHeldByOther(record, 'b', 14_999)).toBe(true);
    expect(isHeldByOther(record, 'b', 15_000)).toBe(false);
    expect(isHeldByOther(record, 'a', 0)).toBe(false);
  });

  test('is free when it has no holder or no spec', () => {
    expect(isHeldByOther({ holderIdentity: '', leaseDurationSeconds: 15 }, 'b', 0)).toBe(false);
    expect(isHeldByOther({}, 'b', 0)).toBe(false);
  });

  test('is acquired first without a transition, with times in microseconds', () => {
    expect(heldBy('a', undefined, 15_000, date)).toEqual({
      holderIdentity: 'a',
      leaseDurationSeconds: 15,
      acquireTime: '2030-01-01T00:00:00.120000Z',
      renewTime: '2030-01-01T00:00:00.120000Z',
      leaseTransitions: 0,
    });
  });

  test('keeps its acquire time when it is renewed', () => {
    const before = heldBy('a', undefined, 15_000, date);
    const after = heldBy('a', before, 15_000, new Date(date.getTime() + 2_000));
    expect(after).toEqual({ ...before, renewTime: '2030-01-01T00:00:02.120000Z' });
  });

  test('counts a transition when another candidate acquires it, even if it was free', () => {
    const before = heldBy('a', undefined, 15_000, date);
    expect(heldBy('b', before, 15_000, date)).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
    expect(heldBy('b', released(before, date), 15_000, date).leaseTransitions).toBe(1);
  });

  test('is released, so no candidate has to wait', () => {
    const record = released(heldBy('a', undefined, 15_000, date), date);
    expect(record).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1 });
    expect(isHeldByOther(record, 'b', 0)).toBe(false);
  });

  test('lasts at least as long as requested', () => {
    expect(heldBy('a', undefined, 1_200, date).leaseDurationSeconds).toBe(2);
  });
});
