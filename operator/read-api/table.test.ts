import { expect, test } from 'vitest';
import { formatAge, toTable, wantsTable } from './table.ts';

test.each([
  [
    'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json',
    true,
  ],
  ['application/json; as=Table; v=v1; g=meta.k8s.io', true],
  ['application/json;as=Table;v=v1beta1;g=meta.k8s.io, application/json', false],
  ['application/json', false],
  ['*/*', false],
])('%s accepts a table: %s', (accept, wanted) => {
  expect(wantsTable(accept)).toBe(wanted);
});

const object = { kind: 'Thing', metadata: { name: 'a' }, size: undefined };
const columns = [
  { name: 'Name', type: 'string', description: 'The name.', cell: () => 'a' },
  { name: 'Size', type: 'integer', description: 'The size.', wide: true, cell: () => undefined },
] as const;

test.each([
  ['', { object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'a' } } }],
  ['Metadata', { object: { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'a' } } }],
  ['Object', { object }],
  ['None', {}],
])('a row with includeObject=%j', (include, rest) => {
  const table = toTable([object], columns, { continue: 'x' }, include);
  expect(table).toMatchObject({ kind: 'Table', metadata: { continue: 'x' } });
  expect(table['rows']).toEqual([{ cells: ['a', '<none>'], ...rest }]);
});

test('an unknown includeObject is refused', () => {
  expect(() => toTable([object], columns, {}, 'All')).toThrow(expect.objectContaining({ code: 400 }) as Error);
});

test.each([
  [0, '0s'],
  [119, '119s'],
  [120, '2m'],
  [7_199, '119m'],
  [7_200, '2h'],
  [172_800, '2d'],
])('an age of %d seconds is %s', (seconds, text) => {
  const now = new Date('2026-01-31T00:00:00Z');
  expect(formatAge(new Date(now.getTime() - seconds * 1_000), now)).toBe(text);
});
