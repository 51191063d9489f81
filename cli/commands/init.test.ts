import { expect, test } from 'vitest';
import { range } from './init.ts';

test.each(['01:00:00-01:3f:ff', 'a4:58:0f:01:00:00 - a4:58:0f:01:3f:ff', 'a458.0f01.0000-a458.0f01.3fff'])(
  '%s is a range',
  (text) => {
    expect(range(text)).toEqual({ first: 'a4:58:0f:01:00:00', last: 'a4:58:0f:01:3f:ff' });
  },
);

test.each(['', '01:00:00', '01:3f:ff-01:00:00', '01:00:00-01:3f:ff-02:00:00', '01:00-01:ff', 'a-b'])(
  '%j is none',
  (text) => {
    expect(() => range(text)).toThrow(/first and the last/);
  },
);
