import { expect, test } from 'vitest';
import { parseFieldSelector } from './field-selector.ts';
import { allowedValues, countValue, exactValue, macValue, timeValue } from './selector-values.ts';

const REFUSED = expect.objectContaining({ code: 400, reason: 'BadRequest' }) as Error;

const FIELDS = ['pool', 'state', 'device.id', 'mac', 'since'];
const parse = (text: string) => parseFieldSelector(text, FIELDS);

test.each([
  ['', []],
  ['pool=docker', [{ field: 'pool', equal: true, value: 'docker' }]],
  ['pool==docker', [{ field: 'pool', equal: true, value: 'docker' }]],
  [
    'state!=released,pool=docker',
    [
      { field: 'state', equal: false, value: 'released' },
      { field: 'pool', equal: true, value: 'docker' },
    ],
  ],
  ['device.id=', [{ field: 'device.id', equal: true, value: '' }]],
  ['device.id=a\\,b\\=c\\\\d', [{ field: 'device.id', equal: true, value: 'a,b=c\\d' }]],
])('%j is parsed', (text, terms) => {
  expect(parse(text)).toEqual(terms);
});

test.each([
  ['pool', /not a term of a field selector/],
  ['=docker', /not a term of a field selector/],
  ['colour=red', /"colour" cannot be used in a field selector: use one of pool, state/],
])('%j is refused', (text, message) => {
  expect(() => parse(text)).toThrow(message);
});

test('a field with an exact value accepts = only', () => {
  expect(exactValue(parse('pool=docker,pool=docker'), 'pool')).toBe('docker');
  expect(exactValue(parse(''), 'pool')).toBeUndefined();
  expect(() => exactValue(parse('pool=docker,pool=vultr'), 'pool')).toThrow(REFUSED);
  expect(() => exactValue(parse('pool!=docker'), 'pool')).toThrow(REFUSED);
});

test('a selector restricts a list of values', () => {
  const all = ['active', 'pending', 'released'] as const;
  expect(allowedValues(parse(''), 'state', all)).toBeUndefined();
  expect(allowedValues(parse('state=active'), 'state', all)).toEqual(['active']);
  expect(allowedValues(parse('state!=released,state!=pending'), 'state', all)).toEqual(['active']);
  expect(allowedValues(parse('state=active,state=pending'), 'state', all)).toEqual([]);
  expect(() => allowedValues(parse('state=lost'), 'state', all)).toThrow(/"lost" is not a state: use one of active/);
});

test('a count is a whole number', () => {
  expect(countValue(parse('pool=12'), 'pool')).toBe(12);
  expect(() => countValue(parse('pool=-1'), 'pool')).toThrow(REFUSED);
});

test('an address is parsed in any notation, and a time in RFC 3339', () => {
  expect(macValue(parse('mac=A4-58-0F-01-00-00'), 'mac')).toBe('a4:58:0f:01:00:00');
  expect(() => macValue(parse('mac=a4'), 'mac')).toThrow(REFUSED);
  expect(timeValue(parse('since=2026-01-31T09:00:00Z'), 'since')).toEqual(new Date('2026-01-31T09:00:00Z'));
  for (const text of ['yesterday', '2026', '2026-13-01T00:00:00Z', '2026-02-30T00:00:00Z']) {
    expect(() => timeValue(parse(`since=${text}`), 'since')).toThrow(REFUSED);
  }
});
