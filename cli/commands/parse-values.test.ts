import { describe, expect, test } from 'vitest';
import {
  parseDurationSeconds,
  parseMetadata,
  parseMoment,
  parseRequestKey,
  parseRowCount,
  parseStates,
} from './parse-values.ts';

test.each(['0', '-1', '1.5', 'ten', '10001', ''])('%j is refused as a number of rows', (text) => {
  expect(() => parseRowCount(text)).toThrow(/whole number/);
});

test('a number of rows is parsed', () => {
  expect(parseRowCount('100')).toBe(100);
});

test('an empty request key is refused', () => {
  expect(parseRequestKey('my-vm-eth0')).toBe('my-vm-eth0');
  expect(() => parseRequestKey('')).toThrow(/not empty/);
});

test('a duration is at least a minute', () => {
  expect(parseDurationSeconds('48h')).toBe(172_800);
  expect(() => parseDurationSeconds('5s')).toThrow(/at least a minute/);
  expect(() => parseDurationSeconds('soon')).toThrow(/at least a minute/);
});

describe('a moment', () => {
  const now = new Date('2026-01-31T12:00:00Z');

  test.each([
    ['2h', new Date('2026-01-31T10:00:00Z')],
    ['2026-01-30', new Date(2026, 0, 30)],
    ['2026-01-30 09:05', new Date(2026, 0, 30, 9, 5)],
    ['2026-01-30T09:05:07Z', new Date('2026-01-30T09:05:07Z')],
    ['2026-01-30T09:05:07+02:00', new Date('2026-01-30T07:05:07Z')],
  ])('can be %s', (text, wanted) => {
    expect(parseMoment(text, now)).toEqual(wanted);
  });

  test.each(['yesterday', '2026-13-01', '31.01.2026', ''])('cannot be %j', (text) => {
    expect(() => parseMoment(text, now)).toThrow(/Give an age/);
  });
});

describe('metadata', () => {
  test('is a JSON object', () => {
    expect(parseMetadata('{"rack": "a7", "slot": 3}')).toEqual({ rack: 'a7', slot: 3 });
    expect(parseMetadata('{}')).toEqual({});
  });

  test.each(['{rack: a7}', '[]', 'null', '"a7"', ''])('cannot be %j', (text) => {
    expect(() => parseMetadata(text)).toThrow(/is not a JSON object/);
  });
});

describe('states', () => {
  test('are a list of names, or all', () => {
    expect(parseStates('active')).toEqual(['active']);
    expect(parseStates('active, reserved')).toEqual(['active', 'reserved']);
    expect(parseStates('all')).toBeUndefined();
  });

  test('are refused with the closest name if one is unknown', () => {
    expect(() => parseStates('relesed')).toThrow(/Did you mean released\?/);
  });
});
