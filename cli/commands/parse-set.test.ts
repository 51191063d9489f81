import { expect, test } from 'vitest';
import { UserError } from '../errors.ts';
import { parseSet } from './parse-set.ts';

test('key=value sets a key, key- removes one, and type= is the type of the device', () => {
  expect(parseSet(['rack=a7', 'note=a=b', 'owner-', 'type=switch'])).toEqual({
    values: { rack: 'a7', note: 'a=b' },
    without: ['owner'],
    type: 'switch',
  });
  expect(parseSet(['type-'])).toEqual({ values: {}, without: [], type: null });
  expect(parseSet(['rack='])).toEqual({ values: { rack: '' }, without: [], type: undefined });
});

test('well-known keys are kept in their only notation', () => {
  expect(parseSet(['ip=2001:DB8::7', 'hostname=Web-1']).values).toEqual({ ip: '2001:db8::7', hostname: 'web-1' });
});

test.each([
  [['rack'], 'is no change'],
  [['=a7'], 'is no change'],
  [['-'], 'is no change'],
  [['rack=a7', 'rack-'], 'is changed twice'],
  [['rack=a\u{202e}7'], 'that nobody sees'],
  [['ip=999.1.1.1'], 'The ip "999.1.1.1" is not valid'],
])('%j is refused', (texts, message) => {
  expect(() => parseSet(texts)).toThrow(UserError);
  expect(() => parseSet(texts)).toThrow(message);
});
