import { describe, expect, test } from 'vitest';
import {
  parseDeviceText,
  parseDurationSeconds,
  parseMetadata,
  parseMoment,
  parsePools,
  parseRequestKey,
  parseRowCount,
  parseStates,
  parseUnicastPrefix,
} from './parse-values.ts';

test.each(['0', '-1', '1.5', 'ten', '1e3', '9007199254740993', ''])('%j is refused as a number of rows', (text) => {
  expect(() => parseRowCount(text)).toThrow(/whole number/);
});

test('a number of rows is parsed', () => {
  expect(parseRowCount('100')).toBe(100);
  expect(parseRowCount('1000000')).toBe(1_000_000); // there is no upper limit
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

  test.each(['yesterday', '2026-13-01', '31.01.2026', '2026-02-30', '2026-02-31T10:00', '2026-04-31T10:00:00Z', ''])(
    'cannot be %j',
    (text) => {
      expect(() => parseMoment(text, now)).toThrow(/Give an age/);
    },
  );
});

describe('metadata', () => {
  test('is a JSON object', () => {
    expect(parseMetadata('{"rack": "a7", "slot": 3}')).toEqual({ rack: 'a7', slot: 3 });
    expect(parseMetadata('{}')).toEqual({});
  });

  test.each([
    '{"serial": 12345678901234567890}',
    '{"a": [{"b": -9007199254740993}]}',
    '{"a": 1e400}',
    '{"a": 0.1234567890123456789}',
  ])('is refused rather than changed: %s', (text) => {
    expect(() => parseMetadata(text)).toThrow(/cannot be kept exactly\. Write it as text/);
  });

  test.each([
    ['{"a": 9007199254740991}', 9_007_199_254_740_991],
    ['{"a": 9007199254740992}', 9_007_199_254_740_992],
    ['{"a": -1.50}', -1.5],
    ['{"a": 1e3}', 1_000],
    ['{"a": 0.1}', 0.1],
    ['{"a": 1e-7}', 1e-7],
    ['{"a": 0}', 0],
  ])('keeps the number in %s', (text, wanted) => {
    expect(parseMetadata(text)).toEqual({ a: wanted });
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

describe('a device', () => {
  test.each([
    ['web-1', 'web-1'],
    ['host\r', 'host'], // from a list with Windows line ends
    ['  host \n', 'host'],
    ['', ''],
  ])('%j is recorded as %j', (text, wanted) => {
    expect(parseDeviceText(text)).toBe(wanted);
  });

  test.each(['a\nb', 'a\tb', 'a\u0000', '\u001b[2J', 'vm-\u202etsop', 'a\u200bb'])('%j is refused', (text) => {
    expect(() => parseDeviceText(text)).toThrow(/a character that nobody sees/);
  });
});

test('metadata with a character that nobody sees is refused, in a name and in a value', () => {
  for (const text of ['{"a\u202e":1}', '{"a":["b",{"c":"d\u200b"}]}', '{"a":"b\\n"}']) {
    expect(() => parseMetadata(text)).toThrow(/a character that nobody sees/);
  }
});

test('pools are a list of names', () => {
  expect(parsePools('docker, vultr')).toEqual(['docker', 'vultr']);
  expect(() => parsePools('docker,')).toThrow(/name of a pool is missing/);
});

test.each([
  ['A6-58-0F', 'a6:58:0f'],
  ['02', '02'],
  ['8c1f64123', '8c:1f:64:12:3'],
])('%s is parsed as the prefix %s', (text, expected) => {
  expect(parseUnicastPrefix(text)).toBe(expected);
});

test.each([
  ['', /hex digits/],
  ['x6:58:0f', /hex digits/],
  ['a6:58:0f:01:02:03', /hex digits/],
  ['a7:58:0f', /multicast/],
  ['01:00:5e', /multicast/],
  ['ff', /multicast/],
])('%j is refused as a prefix', (text, message) => {
  expect(() => parseUnicastPrefix(text)).toThrow(message);
});
