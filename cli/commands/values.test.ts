import { describe, expect, test } from 'vitest';
import { durationSeconds, metadataObject, moment, requestKey, rowCount, states } from './values.ts';

test.each(['0', '-1', '1.5', 'ten', '10001', ''])('%j is no number of rows', (text) => {
  expect(() => rowCount(text)).toThrow(/whole number/);
});

test('a number of rows', () => {
  expect(rowCount('100')).toBe(100);
});

test('a request key, which is never empty', () => {
  expect(requestKey('my-vm-eth0')).toBe('my-vm-eth0');
  expect(() => requestKey('')).toThrow(/not empty/);
});

test('durations of a minute or more', () => {
  expect(durationSeconds('48h')).toBe(172_800);
  expect(() => durationSeconds('5s')).toThrow(/at least a minute/);
  expect(() => durationSeconds('soon')).toThrow(/at least a minute/);
});

describe('a moment', () => {
  const now = new Date('2026-01-31T12:00:00Z');

  test.each([
    ['2h', new Date('2026-01-31T10:00:00Z')],
    ['2026-01-30', new Date(2026, 0, 30)],
    ['2026-01-30 09:05', new Date(2026, 0, 30, 9, 5)],
    ['2026-01-30T09:05:07Z', new Date('2026-01-30T09:05:07Z')],
    ['2026-01-30T09:05:07+02:00', new Date('2026-01-30T07:05:07Z')],
  ])('may be %s', (text, wanted) => {
    expect(moment(text, now)).toEqual(wanted);
  });

  test.each(['yesterday', '2026-13-01', '31.01.2026', ''])('is not %j', (text) => {
    expect(() => moment(text, now)).toThrow(/so long ago/);
  });
});

describe('metadata', () => {
  test('is a JSON object', () => {
    expect(metadataObject('{"rack": "a7", "slot": 3}')).toEqual({ rack: 'a7', slot: 3 });
    expect(metadataObject('{}')).toEqual({});
  });

  test.each(['{rack: a7}', '[]', 'null', '"a7"', ''])('is not %j', (text) => {
    expect(() => metadataObject(text)).toThrow(/is no JSON object/);
  });
});

describe('states', () => {
  test('are named one by one, or all', () => {
    expect(states('active')).toEqual(['active']);
    expect(states('active, reserved')).toEqual(['active', 'reserved']);
    expect(states('all')).toBeUndefined();
  });

  test('that there are none of are refused with the nearest', () => {
    expect(() => states('relesed')).toThrow(/Did you mean released\?/);
  });
});
