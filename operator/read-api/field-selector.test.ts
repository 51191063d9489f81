import { expect, test } from 'vitest';
import { parseFieldSelector } from './field-selector.ts';
import { countOf, macOf, momentOf, valueOf, valuesOf } from './selected-values.ts';

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
])('%j is read', (text, terms) => {
  expect(parse(text)).toEqual(terms);
});

test.each([
  ['pool', /no term of a field selector/],
  ['=docker', /no term of a field selector/],
  ['colour=red', /"colour" cannot be selected by: use one of pool, state/],
])('%j is refused', (text, message) => {
  expect(() => parse(text)).toThrow(message);
});

test('a field has one value, by = only', () => {
  expect(valueOf(parse('pool=docker,pool=docker'), 'pool')).toBe('docker');
  expect(valueOf(parse(''), 'pool')).toBeUndefined();
  expect(() => valueOf(parse('pool=docker,pool=vultr'), 'pool')).toThrow(/two values/);
  expect(() => valueOf(parse('pool!=docker'), 'pool')).toThrow(/by = only/);
});

test('of a few values a selector leaves those that it allows', () => {
  const all = ['active', 'pending', 'released'] as const;
  expect(valuesOf(parse(''), 'state', all)).toBeUndefined();
  expect(valuesOf(parse('state=active'), 'state', all)).toEqual(['active']);
  expect(valuesOf(parse('state!=released,state!=pending'), 'state', all)).toEqual(['active']);
  expect(valuesOf(parse('state=active,state=pending'), 'state', all)).toEqual([]);
  expect(() => valuesOf(parse('state=lost'), 'state', all)).toThrow(/"lost" is no state: use one of active/);
});

test('a count is a whole number', () => {
  expect(countOf(parse('pool=12'), 'pool')).toBe(12);
  expect(() => countOf(parse('pool=-1'), 'pool')).toThrow(/whole number/);
});

test('an address is read in any notation, a moment in that of Kubernetes', () => {
  expect(macOf(parse('mac=A4-58-0F-01-00-00'), 'mac')).toBe('a4:58:0f:01:00:00');
  expect(() => macOf(parse('mac=a4'), 'mac')).toThrow(/no MAC address/);
  expect(momentOf(parse('since=2026-01-31T09:00:00Z'), 'since')).toEqual(new Date('2026-01-31T09:00:00Z'));
  for (const text of ['yesterday', '2026', '2026-13-01T00:00:00Z']) {
    expect(() => momentOf(parse(`since=${text}`), 'since')).toThrow(/must be a time/);
  }
});
