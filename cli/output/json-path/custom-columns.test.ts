import { describe, expect, test } from 'vitest';
import { customTable, parseCustomColumns } from './custom-columns.ts';

const ITEMS = [
  { mac: 'a4:58:0f:01:00:00', device: { id: 'web' }, nics: [{ name: 'a' }, { name: 'b' }] },
  { mac: 'a4:58:0f:01:00:01', device: undefined },
];

describe('custom columns', () => {
  test.each(['MAC:.mac,DEVICE:.device.id', 'MAC:mac,DEVICE:device.id', 'MAC:{.mac},DEVICE:{.device.id}'])(
    '%s has a head and a line for each item',
    (spec) => {
      expect(customTable(parseCustomColumns(spec), ITEMS)).toEqual([
        'MAC                 DEVICE',
        'a4:58:0f:01:00:00   web',
        'a4:58:0f:01:00:01   <none>',
      ]);
    },
  );

  test('show several values of a cell with commas, and keep a comma of a path', () => {
    expect(customTable(parseCustomColumns('N:.nics[0,1].name'), ITEMS)).toEqual(['N', 'a,b', '<none>']);
  });
});

test.each([
  ['', /a column is missing/],
  ['MAC', /a head, a colon and a path/],
  ['MAC:', /a head, a colon and a path/],
  ['MAC:.mac[x]', /is no index/],
])('%j is refused', (spec, wanted) => {
  expect(() => parseCustomColumns(spec)).toThrow(wanted);
});
