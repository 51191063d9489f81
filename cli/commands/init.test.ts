import { expect, test } from 'vitest';
import { macPrefix } from '../../mac/mac-range.ts';
import { parseRange } from './init.ts';

test.each([
  '01:00:00-01:3f:ff',
  '01-00-00-01-3F-FF',
  'a4:58:0f:01:00:00 - a4:58:0f:01:3f:ff',
  'a458.0f01.0000-a458.0f01.3fff',
  'A4-58-0F-01-00-00-A4-58-0F-01-3F-FF',
])('%s is parsed as a range', (text) => {
  expect(parseRange(text)).toEqual({ first: 'a4:58:0f:01:00:00', last: 'a4:58:0f:01:3f:ff' });
});

test.each(['', '01:00:00', '01:3f:ff-01:00:00', '01:00:00-01:3f:ff-02:00:00', '01:00-01:ff', 'a-b'])(
  '%j is refused as a range',
  (text) => {
    expect(() => parseRange(text)).toThrow(/first and the last/);
  },
);

test('short ends of a range get the first prefix of three octets that was given', () => {
  expect(parseRange('01:00:00-01:3f:ff', [macPrefix('02'), macPrefix('a6:58:0f')])).toEqual({
    first: 'a6:58:0f:01:00:00',
    last: 'a6:58:0f:01:3f:ff',
  });
});
