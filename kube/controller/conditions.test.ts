import { describe, expect, test } from 'vitest';
import type { Condition } from '../client/objects.ts';
import { findCondition, setCondition } from './conditions.ts';
import { toTime } from './timestamps.ts';

const earlier = new Date('2030-01-01T00:00:00Z');
const later = new Date('2030-01-01T00:05:00.123Z');

const pending = { type: 'Ready', status: 'False', reason: 'Pending', message: '', observedGeneration: 1 } as const;

describe('setting a condition', () => {
  const before = setCondition([], pending, earlier);

  test('adds one that was not there', () => {
    expect(before).toEqual([{ ...pending, lastTransitionTime: '2030-01-01T00:00:00Z' }]);
  });

  test('returns the same array when nothing changes, so no status is written', () => {
    expect(setCondition(before, pending, later)).toBe(before);
  });

  test('keeps the time of the last transition when only reason, message or generation change', () => {
    const after = setCondition(before, { ...pending, reason: 'PoolPaused', observedGeneration: 2 }, later);
    expect(findCondition(after, 'Ready')).toEqual({
      ...pending,
      reason: 'PoolPaused',
      observedGeneration: 2,
      lastTransitionTime: '2030-01-01T00:00:00Z',
    });
  });

  test('moves the time of the last transition with the status, in whole seconds', () => {
    const after = setCondition(before, { ...pending, status: 'True', reason: 'Allocated' }, later);
    expect(findCondition(after, 'Ready')?.lastTransitionTime).toBe('2030-01-01T00:05:00Z');
  });

  test('leaves other conditions and the given array alone', () => {
    const other: Condition = {
      type: 'Bound',
      status: 'True',
      reason: 'InUse',
      message: '',
      lastTransitionTime: toTime(earlier),
    };
    const two = [...before, other];
    const after = setCondition(two, { ...pending, status: 'True' }, later);
    expect(after[1]).toBe(other);
    expect(two[0]).toBe(before[0]);
    expect(findCondition(after, 'Conflict')).toBeUndefined();
  });
});
