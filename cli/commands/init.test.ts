import { expect, test } from 'vitest';
import { parsePrefixOption, parseRange } from './init.ts';

test.each(['01:00:00-01:3f:ff', 'a4:58:0f:01:00:00 - a4:58:0f:01:3f:ff', 'a458.0f01.0000-a458.0f01.3fff'])(
  '%s is parsed as a range',
  (text) => {
    expect(parseRange(text)).toEqual({ first: 'a4:58:0f:01:00:00', last: 'a4:58:0f:01:3f:ff' });
  },
);

test.each(['', '01:00:00', '01:3f:ff-01:00:00', '01:00:00-01:3f:ff-02:00:00', '01:00-01:ff', 'a-b'])(
  '%j is refused as a range',
  (text) => {
    expect(() => parseRange(text)).toThrow(/first and the last/);
  },
);

test('short ends of a range get the prefix that was given', () => {
  expect(parseRange('01:00:00-01:3f:ff', 'a6:58:0f')).toEqual({
    first: 'a6:58:0f:01:00:00',
    last: 'a6:58:0f:01:3f:ff',
  });
});

test.each(['a6:58:0f', 'A6-58-0F'])('%s is parsed as a prefix', (text) => {
  expect(parsePrefixOption(text)).toBe('a6:58:0f');
});

test.each(['', 'a6:58', 'a6:58:0f:01', 'a7:58:0f', 'a6580f', 'x6:58:0f'])('%j is refused as a prefix', (text) => {
  expect(() => parsePrefixOption(text)).toThrow(/first three octets/);
});
